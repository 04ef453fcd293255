import { Controller, Get, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Authenticated, isJwksError, JwksModule, JwksService } from '../../lib/index.js';
import { TestIssuer } from '../../lib/testing/index.js';
import { ADAPTERS, Api } from '../e2e/support/api.js';

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

@Controller()
class SpelledController {
  @Get('authenticated')
  @Authenticated()
  authenticated() {
    return { in: true };
  }

  @Get('passport')
  @UseGuards(AuthGuard('jwks'))
  passport() {
    return { in: true };
  }
}

/** With `text` at the beginning, in the middle and at the end of each part. */
function withText(token: string, text: string): string[] {
  const parts = token.split('.');
  return parts.flatMap((part, place) =>
    [0, Math.floor(part.length / 2), part.length].map((at) =>
      parts.with(place, part.slice(0, at) + text + part.slice(at)).join('.'),
    ),
  );
}

/** With another last character in a part, which decodes to the same bytes. */
function withUnusedBits(token: string): string[] {
  const parts = token.split('.');
  return parts.flatMap((part, place) => {
    const same = [...BASE64URL]
      .map((last) => part.slice(0, -1) + last)
      .filter((other) => other !== part && isSame(other, part));
    return same.map((other) => parts.with(place, other).join('.'));
  });
}

function isSame(part: string, other: string): boolean {
  return Buffer.from(part, 'base64url').equals(Buffer.from(other, 'base64url'));
}

// The signature is good in all of them, and lenient decoders take them; which ones differs from one
// version of Node to the next.
describe.each(['RS256', 'ES256', 'EdDSA'])('other spellings of a good %s token', (alg) => {
  let issuer: TestIssuer;
  let token: string;
  const apis: Api[] = [];

  beforeAll(async () => {
    issuer = await TestIssuer.start({ audience: 'orders-api', alg });
    // The length of the claims leaves unused bits in the payload too.
    const tokens = await Promise.all(['', 'x', 'xx'].map((filler) => issuer.sign({ filler })));
    token = tokens.find((each) => each.split('.')[1]!.length % 4 === 2) ?? '';
    for (const [, makeAdapter] of ADAPTERS) {
      const module = JwksModule.forRoot(issuer.options());
      apis.push(await Api.start(makeAdapter, { imports: [module], controllers: [SpelledController] }));
    }
  });
  afterAll(async () => {
    for (const api of apis) await api[Symbol.asyncDispose]();
    await issuer.close();
  });

  async function outcomes(spellings: readonly string[]): Promise<Set<string>> {
    const jwks = apis[0]!.app.get(JwksService);
    const codes = spellings.map((each) =>
      jwks.verify(each).then(
        () => 'accepted',
        (error: unknown) => (isJwksError(error) ? error.code : String(error)),
      ),
    );
    return new Set(await Promise.all(codes));
  }

  async function statuses(spelling: string): Promise<Set<number>> {
    const paths = ['/authenticated', '/passport'];
    const answers = apis.flatMap((api) => paths.map((path) => api.call(path, { token: spelling })));
    return new Set((await Promise.all(answers)).map(({ status }) => status));
  }

  const MALFORMED = new Set(['token_malformed']);

  it('accepts the canonical one', async () => {
    expect(await outcomes([token])).toEqual(new Set(['accepted']));
    expect(await statuses(token)).toEqual(new Set([200]));
  });

  it('C4: rejects white space', async () => {
    const blanks = [' ', '\n', '\t', '\r\n', '\u00a0', '\u2028', '\ufeff'];
    expect(await outcomes(blanks.flatMap((blank) => withText(token, blank)))).toEqual(MALFORMED);
  });

  it('C5: rejects padding and the other alphabet', async () => {
    const spellings = ['=', '==', '+', '/', '%3D'].flatMap((text) => withText(token, text));
    expect(await outcomes([...spellings, token.replace(/-/g, '+').replace(/_/g, '/') + '='])).toEqual(MALFORMED);
    expect(await statuses(`${token}=`)).toEqual(new Set([401]));
    expect(await statuses(token.replace('.', '=.'))).toEqual(new Set([401]));
  });

  it('C6: rejects other unused bits', async () => {
    const spellings = withUnusedBits(token);
    // 15 each for payload and signature, which both end in four unused bits.
    expect(spellings.length).toBeGreaterThanOrEqual(30);
    expect(await outcomes(spellings)).toEqual(MALFORMED);
    for (const spelling of spellings.slice(-2)) expect(await statuses(spelling)).toEqual(new Set([401]));
  });

  it('C7: rejects what is not ASCII, and NUL', async () => {
    const lookAlikes = ['\u0410', '\uff21', '\u00e9', '\0', '\u{1d400}'];
    expect(await outcomes(lookAlikes.flatMap((text) => withText(token, text)))).toEqual(MALFORMED);
    expect(await outcomes(lookAlikes.map((text) => text + token.slice(1)))).toEqual(MALFORMED);
  });
});
