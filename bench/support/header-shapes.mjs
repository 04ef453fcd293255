// Authorization headers of 16 kB, each in one shape all through.

const SIZE = 16_384;
const of = (unit, before = '', after = '') =>
  (before + unit.repeat(Math.ceil(SIZE / unit.length))).slice(0, SIZE - after.length) + after;

/** By name. What no client can send over HTTP (control characters) is left out. */
export function headerShapes(token) {
  return { ...WITHOUT_TOKEN, ...shapesWith(token) };
}

const WITHOUT_TOKEN = {
  'one letter': of('a'),
  spaces: of(' '),
  tabs: of('\t'),
  'spaces and tabs': of(' \t'),
  commas: of(','),
  dots: of('.'),
  quotes: of('"'),
  'escaped quotes': of('\\"'),
  'equals signs': of('='),
  'Bearer and spaces': of(' ', 'Bearer'),
  'Bearer, spaces, a letter': of(' ', 'Bearer', 'a'),
  'Bearer, spaces, a quote': of(' ', 'Bearer', '"'),
  'Bearer and tabs': of('\t', 'Bearer '),
  'Bearer and letters': of('a', 'Bearer '),
  'Bearer, letters, a quote': of('a', 'Bearer ', '"'),
  'Bearer and padding': of('=', 'Bearer a'),
  'Bearer and dots': of('.', 'Bearer '),
  'Bearer and base64': of('Zm9vYmFy/+==', 'Bearer '),
  'Bearer and a quoted string': of('\\"', 'Bearer "', '"'),
  'Bearer and parameters': of('a="b", ', 'Bearer '),
  'Bearer, over and over': of('Bearer '),
  'Bearer without blanks': of('Bearer'),
  'Bearer, listed': of('Bearer a, '),
  'bearer and Latin-1': of('\u00e9', 'bearer '),
  'Latin-1': of('\u00ff'),
  'no-break spaces': of('\u00a0', 'Bearer '),
  Basic: of('dXNlcjpwYXNzd29yZA', 'Basic '),
  'many schemes': of('Basic a, Digest b, Bearer c, '),
  'Digest parameters': of('username="x", ', 'Digest '),
  'a long name of a scheme': of('x', '', ' a'),
  'JSON brackets': of('[', 'Bearer '),
};

function shapesWith(token) {
  const [header, payload, signature] = token.split('.');
  return {
    'a good token, repeated': of(`${token} `, 'Bearer '),
    'a good token and blanks': of(' ', `Bearer ${token}`),
    'a good token, listed': of(`${token}, Bearer `, 'Bearer '),
    'a long header part': of('A', 'Bearer eyJ', `.${payload}.${signature}`),
    'a long payload': of('A', `Bearer ${header}.eyJ`, `.${signature}`),
    'a long signature': of('A', `Bearer ${header}.${payload}.`),
  };
}
