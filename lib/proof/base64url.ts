/**
 * The bytes of canonical base64url (RFC 7515 section 2); `undefined` for any other spelling of them:
 * padding, white space, the other alphabet, unused bits that are set. Encoding the bytes again gives
 * their one spelling.
 *
 * @internal
 */
export function fromBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return text !== '' && bytes.toString('base64url') === text ? bytes : undefined;
}
