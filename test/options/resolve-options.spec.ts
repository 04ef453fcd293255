import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { JwksConfigurationError } from '../../lib/core/errors.js';
import { resolveClientOptions, resolveModuleOptions, type ResolvedModule } from '../../lib/options/resolve-options.js';

const good = { issuer: 'https://id.example.com/', audience: 'orders-api' };
const jwks = { keys: [] };

function faultOf(work: () => unknown): JwksConfigurationError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(JwksConfigurationError);
    return error as JwksConfigurationError;
  }
  throw new Error('nothing was refused');
}

function refused(options: object): JwksConfigurationError {
  return faultOf(() => resolveModuleOptions({ ...good, ...options }));
}

/** Options, the name of the bad one, what the message says of it. */
type Row = [options: object, option: string, says: RegExp];

const tls = {};
const dispatcher = { dispatch: () => true };

const durations: Row[] = [
  ...['ttl', 'minTtl', 'maxTtl', 'staleIfError'].map((name) => [{ cache: { [name]: -1 } }, `cache.${name}`]),
  ...['ttl', 'minTtl', 'maxTtl', 'staleIfError'].map((name) => [{ cache: { [name]: '-1s' } }, `cache.${name}`]),
  ...['timeout', 'deadline'].map((name) => [{ http: { [name]: -1 } }, `http.${name}`]),
  [{ refetchLimit: { every: -1 } }, 'refetchLimit.every'],
  [{ clockTolerance: -1 }, 'clockTolerance'],
  [{ maxTokenAge: '-1m' }, 'maxTokenAge'],
  ...['ttl', 'minTtl', 'maxTtl'].map((name) => [{ cache: { [name]: 0 } }, `cache.${name}`]),
  ...['timeout', 'deadline'].map((name) => [{ http: { [name]: '0s' } }, `http.${name}`]),
  [{ refetchLimit: { every: 0 } }, 'refetchLimit.every'],
  [{ maxTokenAge: 0 }, 'maxTokenAge'],
  ...[Number.NaN, Infinity, 'soon', '', '10 minuets', null, true, {}, [10]].flatMap((value): [object, string][] => [
    [{ cache: { ttl: value } }, 'cache.ttl'],
    [{ http: { timeout: value } }, 'http.timeout'],
    [{ clockTolerance: value }, 'clockTolerance'],
  ]),
  [{ http: { timeout: 2 ** 31 } }, 'http.timeout'],
  [{ http: { deadline: '30d' } }, 'http.deadline'],
].map(([options, option]) => [options as object, option as string, /takes a duration/]);

const identity: Row[] = [
  [{ issuer: '' }, 'issuer', /takes the exact "iss" of the tokens, or false, not an empty string/],
  [{ issuer: '   ' }, 'issuer', /exact "iss"/],
  [{ issuer: null }, 'issuer', /not null/],
  [{ issuer: true }, 'issuer', /not true/],
  [{ issuer: 7 }, 'issuer', /not 7/],
  [{ issuer: ['https://id.example.com'] }, 'issuer', /not a list/],
  [{ issuer: undefined }, 'issuer', /is undefined \(an environment variable/],
  [{ issuer: undefined, jwksUri: 'https://id.example.com/jwks' }, 'issuer', /is undefined/],
  [{ issuer: ' https://id.example.com' }, 'issuer', /white space/],
  [{ issuer: 'accounts.google.com' }, 'issuer', /takes a URL, not "accounts\.google\.com"; with "jwksUri"/],
  [{ issuer: 'http://id.example.com/' }, 'issuer', /needs allowInsecure: true/],
  [{ issuer: 'http://localhost.example.com/' }, 'issuer', /needs allowInsecure: true/],
  [{ issuer: 'http://127.0.0.1.example.com/' }, 'issuer', /needs allowInsecure: true/],
  [{ issuer: 'https://user:secret@id.example.com/' }, 'issuer', /without credentials/],
  [{ issuer: 'https://id.example.com/#a' }, 'issuer', /without a fragment/],
  [{ issuer: 'https://id.example.com/?a=b' }, 'issuer', /without a query/],
  [{ issuer: 'data:text/plain,x' }, 'issuer', /https URL, not one of "data:"/],
  [{ issuer: false }, 'jwksUri', /is missing/],
  [{ audience: '' }, 'audience', /not an empty string/],
  [{ audience: ' ' }, 'audience', /takes the "aud"/],
  [{ audience: [] }, 'audience', /not an empty list/],
  [{ audience: [''] }, 'audience', /an empty string in it/],
  [{ audience: ['a', undefined] }, 'audience', /undefined in it/],
  [{ audience: undefined }, 'audience', /is undefined \(an environment variable/],
  [{ audience: null }, 'audience', /not null/],
  [{ audience: true }, 'audience', /not true/],
];

const keys: Row[] = [
  [{ jwksUri: '' }, 'jwksUri', /takes a URL, not an empty string/],
  [{ jwksUri: 'id.example.com/jwks' }, 'jwksUri', /takes a URL, not "id\.example\.com\/jwks"/],
  [{ jwksUri: new URL('https://id.example.com/jwks') }, 'jwksUri', /takes a URL, not an object/],
  [{ jwksUri: 'http://id.example.com/jwks' }, 'jwksUri', /needs allowInsecure: true/],
  [{ jwksUri: 'http://10.0.0.1/jwks' }, 'jwksUri', /needs allowInsecure: true/],
  [{ jwksUri: 'data:application/json,{"keys":[]}' }, 'jwksUri', /not one of "data:"/],
  [{ jwksUri: 'file:///etc/jwks.json' }, 'jwksUri', /not one of "file:"/],
  [{ jwksUri: 'ftp://id.example.com/jwks' }, 'jwksUri', /not one of "ftp:"/],
  [{ jwksUri: 'https://user:secret@id.example.com/jwks' }, 'jwksUri', /without credentials/],
  [{ jwksUri: 'https://id.example.com/jwks#' }, 'jwksUri', /without a fragment/],
  [{ discoveryUri: 'id.example.com' }, 'discoveryUri', /takes a URL, not "id\.example\.com"/],
  [{ discoveryUri: 'http://id.example.com/' }, 'discoveryUri', /needs allowInsecure: true/],
  [{ discoveryUri: 'https://a.example', jwksUri: 'https://b.example' }, 'jwksUri', /can't stand beside "discoveryUri"/],
  [{ discoveryUri: 'https://a.example', source: { load() {} } }, 'discoveryUri', /can't stand beside "source"/],
  [{ issuer: false, discoveryUri: 'https://a.example' }, 'discoveryUri', /needs the "issuer"/],
  [{ source: {} }, 'source', /the function load/],
  [{ source: null }, 'source', /not null/],
  [{ source: { load() {} }, jwksUri: 'https://id.example.com/jwks' }, 'jwksUri', /can't stand beside "source"/],
  [{ failover: 'https://backup.example.com/jwks' }, 'failover', /takes a list of JWKS URIs/],
  [{ failover: [7] }, 'failover', /7 in it/],
  [{ failover: [{}] }, 'failover', /exactly one of jwksUri, jwks and source in its member 0/],
  [{ failover: [{ jwks, jwksUri: 'https://id.example.com/jwks' }] }, 'failover', /exactly one/],
  [{ failover: [{ uri: 'https://id.example.com/jwks' }] }, 'failover[0].uri', /There is no option/],
  [{ failover: ['https://a.example.com', 'http://b.example.com'] }, 'failover[1].jwksUri', /allowInsecure/],
  [{ jwks, failover: ['https://a.example.com'] }, 'failover', /can't follow "jwks", which never fails/],
  [{ allowInsecure: 'yes' }, 'allowInsecure', /takes true or false, not "yes"/],
];

const rules: Row[] = [
  [{ algorithms: [] }, 'algorithms', /at least one algorithm, such as \['ES256'\], not an empty list/],
  [{ algorithms: 'ES256' }, 'algorithms', /at least one algorithm/],
  [{ algorithms: ['HS256'] }, 'algorithms', /can't have "HS256": a JWK Set holds public keys/],
  [{ algorithms: ['ES256', 'HS512'] }, 'algorithms', /can't have "HS512"/],
  [{ algorithms: ['none'] }, 'algorithms', /can't have "none": any client could/],
  [{ algorithms: ['NONE'] }, 'algorithms', /can't have "NONE"/],
  [{ algorithms: ['es256'] }, 'algorithms', /has no "es256": known are RS256/],
  [{ algorithms: ['ES256K'] }, 'algorithms', /has no "ES256K"/],
  [{ algorithms: [256] }, 'algorithms', /names of algorithms/],
  [{ clockTolerance: 30 }, 'clockTolerance', /30 is 30 ms; say '30s', or '30ms' if that is meant/],
  [{ maxTokenAge: 900 }, 'maxTokenAge', /900 is 900 ms; say '900s'/],
  [{ profile: 'rfc9069' }, 'profile', /takes 'rfc9068', not "rfc9069"/],
  [{ profile: undefined }, 'profile', /is undefined/],
  [{ profile: 'rfc9068', tokenType: 'jwt' }, 'tokenType', /can't stand beside "profile"/],
  [{ tokenType: '' }, 'tokenType', /media type such as 'at\+jwt', or false, not an empty string/],
  [{ tokenType: 'at jwt' }, 'tokenType', /media type/],
  [{ tokenType: ['at+jwt'] }, 'tokenType', /not a list/],
  [{ requiredClaims: 'sub' }, 'requiredClaims', /a list of claim names, not "sub"/],
  [{ requiredClaims: ['sub', 1] }, 'requiredClaims', /1 in it/],
  [{ requiredClaims: [''] }, 'requiredClaims', /an empty string in it/],
  [{ validate: 'yes' }, 'validate', /takes a function of the verified token, not "yes"/],
  [
    { scopesFrom: 'scope' },
    'scopesFrom',
    /takes a list of at least one claim.*or a function of the claims, not "scope"/,
  ],
  [{ scopesFrom: [] }, 'scopesFrom', /at least one claim/],
  [{ scopesFrom: [''] }, 'scopesFrom', /at least one claim/],
  [{ scopesFrom: [1] }, 'scopesFrom', /not 1 in it/],
  [{ scopesFrom: null }, 'scopesFrom', /not null/],
];

const keeping: Row[] = [
  [
    { cache: { minTtl: '2h', maxTtl: '1h' } },
    'cache.minTtl',
    /\(7200000 ms\) is longer than "cache\.maxTtl" \(3600000 ms\)/,
  ],
  ...[0, 1.1, -0.5, Number.NaN, '0.8', null].map((refreshAhead): Row => [
    { cache: { refreshAhead } },
    'cache.refreshAhead',
    /takes a number above 0 and up to 1/,
  ]),
  [{ cache: { store: {} } }, 'cache.store', /the functions get and set\), or false, not an object/],
  [{ cache: { store: { get() {}, set: true } } }, 'cache.store', /functions get and set/],
  [{ cache: { store: null } }, 'cache.store', /not null/],
  [{ cache: { store: true } }, 'cache.store', /not true/],
  [{ cache: { respectHeaders: 0 } }, 'cache.respectHeaders', /true or false/],
  [{ cache: { prefix: 7 } }, 'cache.prefix', /at most 128 characters, not 7/],
  [{ cache: { prefix: 'a\nb' } }, 'cache.prefix', /not "a\\u000ab"/],
  [
    { cache: { integrityKey: 'short' } },
    'cache.integrityKey',
    /at least 16 characters, a list of them, or false, not this text of \d+ characters/,
  ],
  [{ maxTokenLength: 65_537 }, 'maxTokenLength', /65/],
  [{ claims: {} }, 'claims', /at least one claim/],
  [{ claims: { a: [] } }, 'claims', /a list of such/],
  [{ issuer: 'https://id.example.com/.well-known/openid-configuration' }, 'issuer', /address of a document/],
  [{ isGlobal: true }, 'isGlobal', /beside useFactory/],
  [{ cache: { integrityKey: '' } }, 'cache.integrityKey', /not an empty string/],
  [{ cache: { integrityKey: [] } }, 'cache.integrityKey', /not an empty list/],
  [{ cache: { integrityKey: ['sixteen letters!', 'short'] } }, 'cache.integrityKey', /at least 16 characters/],
  [{ cache: { integrityKey: Buffer.alloc(32) } }, 'cache.integrityKey', /not an object/],
  [{ cache: 'redis' }, 'cache', /takes an object of options, not "redis"/],
  [{ cache: null }, 'cache', /not null/],
  [{ refetchLimit: { burst: -1 } }, 'refetchLimit.burst', /a whole number from 0, not -1/],
  [{ refetchLimit: { burst: 1.5 } }, 'refetchLimit.burst', /whole number/],
  [{ refetchLimit: { burst: Infinity } }, 'refetchLimit.burst', /whole number/],
  [{ refetchLimit: false }, 'refetchLimit', /an object of options, not false/],
];

const http: Row[] = [
  [{ http: { retries: -1 } }, 'http.retries', /whole number from 0/],
  [{ http: { retries: '2' } }, 'http.retries', /not "2"/],
  [{ http: { maxResponseSize: 0 } }, 'http.maxResponseSize', /whole number from 1, not 0/],
  [{ http: { maxResponseSize: 1.5 } }, 'http.maxResponseSize', /whole number/],
  [{ http: { maxResponseSize: '1mb' } }, 'http.maxResponseSize', /not "1mb"/],
  [{ http: { allowPrivateAddresses: 'no' } }, 'http.allowPrivateAddresses', /true or false/],
  [{ http: { fetch: 'node-fetch' } }, 'http.fetch', /a function like the global fetch/],
  [{ http: { fetch, tls } }, 'http.tls', /can't stand beside "http\.fetch"/],
  [{ http: { fetch, proxy: 'http://proxy.example.com' } }, 'http.proxy', /can't stand beside "http\.fetch"/],
  [{ http: { fetch, proxy: false } }, 'http.proxy', /can't stand beside "http\.fetch"/],
  [{ http: { fetch, dispatcher } }, 'http.dispatcher', /can't stand beside "http\.fetch"/],
  [{ http: { dispatcher, tls } }, 'http.tls', /can't stand beside "http\.dispatcher"/],
  [
    { http: { fetch, allowPrivateAddresses: false } },
    'http.allowPrivateAddresses',
    /beside "http\.fetch", which connects on its own/,
  ],
  [{ http: { dispatcher: {} } }, 'http.dispatcher', /undici's Dispatcher/],
  [{ http: { dispatcher: null } }, 'http.dispatcher', /not null/],
  [{ http: { proxy: true } }, 'http.proxy', /the URL of an HTTP proxy, or false, not true/],
  [{ http: { proxy: '' } }, 'http.proxy', /not an empty string/],
  [{ http: { tls: { ca: 7 } } }, 'http.tls.ca', /PEM as text or bytes/],
  [{ http: { tls: { key: {} } } }, 'http.tls.key', /PEM/],
  [{ http: { tls: { ca: [Buffer.from('x')] } } }, 'http.tls.ca', /no certificate/],
  [{ http: { tls: { servername: '' } } }, 'http.tls.servername', /host name/],
  [{ http: { tls: { rejectUnauthorized: 'false' } } }, 'http.tls.rejectUnauthorized', /true or false/],
  [{ http: { tls: { passphrase: 'x' } } }, 'http.tls.passphrase', /There is no option/],
  [{ http: { headers: 'x-api-key: 1' } }, 'http.headers', /an object of header names and values/],
  [{ http: { headers: { 'x-api-key': 7 } } }, 'http.headers', /"x-api-key", whose value is not text/],
  [{ http: { headers: { 'x-api-key': 'a\r\nb: c' } } }, 'http.headers', /holds a character that headers can't/],
  [{ http: { headers: { 'x\r\ny': 'a' } } }, 'http.headers', /has a name that is none: "x\\u000d\\u000ay"/],
  [{ http: { headers: { '': 'a' } } }, 'http.headers', /a name that is none/],
  [
    { http: { headers: { Connection: 'close' } } },
    'http.headers',
    /"Connection", which is not the application's to send/,
  ],
  [{ http: { headers: { 'If-None-Match': '*' } } }, 'http.headers', /not the application's to send/],
];

const shared: Row[] = [
  [{ prefetch: 'yes' }, 'prefetch', /takes true, false or 'required', not "yes"/],
  [{ prefetch: null }, 'prefetch', /not null/],
  [{ tokenFrom: 'cookie' }, 'tokenFrom', /a function of the request/],
  [{ realm: 'a"b' }, 'realm', /without quotes and backslashes/],
  [{ realm: 'a\\b' }, 'realm', /without quotes/],
  [{ realm: 'a\nb' }, 'realm', /printable ASCII/],
  [{ realm: '' }, 'realm', /not an empty string/],
  [{ realm: 'Köln' }, 'realm', /printable ASCII/],
];

describe('resolveModuleOptions', () => {
  it.each([...durations, ...identity, ...keys, ...rules, ...keeping, ...http, ...shared])(
    'refuses %j and names "%s"',
    (options, option, says) => {
      const error = refused(options);
      expect(error.option).toBe(option);
      expect(error.message).toContain(`"${option}"`);
      expect(error.message).toMatch(says);
    },
  );

  it.each([undefined, null])('says what it needs where it is given %s', (given) => {
    expect(faultOf(() => resolveModuleOptions(given)).message).toMatch(/at least \{ issuer, audience \}/);
  });

  it.each(['https://id.example.com', 7, [], () => ({})])('refuses options that are no object: %s', (given) => {
    expect(faultOf(() => resolveModuleOptions(given)).message).toMatch(/takes an object of options/);
  });

  it.each([
    [{ audiance: 'a' }, 'audiance', 'did you mean "audience"?'],
    [{ Issuer: 'a' }, 'Issuer', 'did you mean "issuer"?'],
    [{ jwksUrl: 'a' }, 'jwksUrl', 'did you mean "jwksUri"?'],
    [{ cache: { tll: 1 } }, 'cache.tll', 'did you mean "cache.ttl"?'],
    [{ cache: { lifespan: 300 } }, 'cache.lifespan', 'known are store, ttl, minTtl'],
    [{ http: { timeouts: 1 } }, 'http.timeouts', 'did you mean "http.timeout"?'],
    [{ refetchLimit: { brust: 1 } }, 'refetchLimit.brust', 'did you mean "refetchLimit.burst"?'],
    [{ secretOrKey: 'x' }, 'secretOrKey', 'known are issuer, audience'],
  ])('rejects an option that does not exist: %j', (options, option, says) => {
    const error = refused(options);
    expect(error.option).toBe(option);
    expect(error.message).toContain(`There is no option "${option}"`);
    expect(error.message).toContain(says);
  });

  it.each([
    'algorithms',
    'tokenType',
    'maxTokenAge',
    'requiredClaims',
    'validate',
    'cache.integrityKey',
    'http.tls',
    'http.tls.ca',
    'http.tls.rejectUnauthorized',
    'http.allowPrivateAddresses',
  ])('rejects %s written down as undefined: that would switch a check off without a word', (option) => {
    const options = option.split('.').reduceRight<unknown>((value, name) => ({ [name]: value }), undefined) as object;
    const error = refused({ ...good, ...options });
    expect(error.option).toBe(option);
    expect(error.message).toContain('is undefined (an environment variable that is not set?)');
  });

  it('takes false for a check that is switched off explicitly', () => {
    const off = { tokenType: false, maxTokenAge: false, cache: { integrityKey: false } } as const;
    expect(plain(resolveModuleOptions({ ...good, ...off }))).toEqual(plain(resolveModuleOptions(good)));
  });

  it('takes the profile of RFC 9068 for a type and a list of claims, with more claims if given', () => {
    const claims = ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'];
    const rulesOf = (more: object) => {
      const { trust } = resolveModuleOptions({ issuer: 'https://id.example.com/', audience: 'a', ...more });
      return trust.kind === 'one' ? trust.issuer.rules : undefined;
    };
    expect(rulesOf({ profile: 'rfc9068' })).toMatchObject({ tokenType: 'at+jwt', requiredClaims: claims });
    expect(rulesOf({ profile: 'rfc9068', requiredClaims: ['exp', 'tenant'] })?.requiredClaims).toEqual([
      ...claims,
      'tenant',
    ]);
    expect(rulesOf({})).toMatchObject({ tokenType: undefined, requiredClaims: ['exp'] });
  });

  it('reads nothing from a polluted prototype', () => {
    const polluted: Record<string, unknown> = {
      algorithms: ['none'],
      clockTolerance: '100y',
      requiredClaims: [],
      jwks: { keys: [] },
      cache: { store: false },
      proxy: 'http://evil.example.com',
      allowInsecure: true,
      realm: 'evil',
    };
    const before = plain(resolveModuleOptions({ ...good }));
    Object.assign(Object.prototype, polluted);
    try {
      expect(plain(resolveModuleOptions({ ...good }))).toEqual(before);
    } finally {
      for (const name of Object.keys(polluted)) Reflect.deleteProperty(Object.prototype, name);
    }
  });

  it('takes undefined for absent where the option may be absent', () => {
    const names = ['jwksUri', 'jwks', 'source', 'failover', 'issuers', 'clockTolerance'];
    const more = ['allowInsecure', 'cache', 'refetchLimit', 'http'];
    const undefinedOnes = [...names, ...more, 'prefetch', 'tokenFrom', 'realm'].map((name) => [name, undefined]);
    expect(plain(resolveModuleOptions({ ...good, ...Object.fromEntries(undefinedOnes) }))).toEqual(
      plain(resolveModuleOptions(good)),
    );
  });

  it.each([
    { issuer: false, jwksUri: 'https://id.example.com/jwks' },
    { issuer: 'accounts.google.com', jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' },
    { issuer: 'urn:example:idp', jwks },
    { issuer: 'http://id.example.com/', allowInsecure: true },
    { issuer: 'http://id.example.com/', jwksUri: 'http://10.0.0.1/jwks', allowInsecure: true },
    { issuer: 'http://localhost:8080/realms/a' },
    { issuer: 'http://idp.localhost:8080' },
    { issuer: 'http://127.0.0.2' },
    { issuer: 'http://[::1]:8080' },
    { jwksUri: 'https://id.example.com/jwks?app=7' },
    { audience: false },
    { audience: ['a', 'b'] },
    { algorithms: ['ES256', 'ES256'] },
    { requiredClaims: [] },
    { clockTolerance: 0 },
    { cache: { staleIfError: 0, refreshAhead: 1, store: false, prefix: '' } },
    { cache: { ttl: 500, integrityKey: 'sixteen letters!' } },
    { issuer: 'http://adfs.example.com/adfs/services/trust', jwksUri: 'https://adfs.example.com/adfs/discovery/keys' },
    { cache: { integrityKey: ['sixteen letters!', 'and sixteen more'] } },
    { cache: { store: new Map() } },
    { refetchLimit: { burst: 0 } },
    { http: { retries: 0, timeout: '30s', headers: { 'X-Api-Key': 'a b' } } },
    { http: { fetch } },
    { http: { dispatcher } },
    { http: { proxy: false, tls: { servername: 'idp' } } },
    { prefetch: 'required' },
    { realm: 'Orders API' },
    { failover: ['https://b.example.com/jwks', { jwks }, { source: { load() {} } }] },
  ])('takes %j', (options) => {
    expect(() => resolveModuleOptions({ ...good, ...options })).not.toThrow();
  });

  it.each(['ML-DSA-44', 'ML-DSA-65', 'ML-DSA-87'])('takes %s where the runtime has it', (alg) => {
    onTestFinished(() => void vi.unstubAllGlobals());
    const options = { algorithms: ['ES256', alg] };
    vi.stubGlobal('SubtleCrypto', {
      supports: (operation: string, name: string) => operation === 'verify' && name === alg,
    });
    expect(() => resolveModuleOptions({ ...good, ...options })).not.toThrow();
    for (const lacking of [undefined, {}, { supports: () => false }]) {
      vi.stubGlobal('SubtleCrypto', lacking);
      expect(refused(options).message).toMatch(new RegExp(`"algorithms" can't have "${alg}": this runtime lacks it`));
    }
  });

  it('lets a bound that is not given follow the one that is', () => {
    expect(resolveModuleOptions({ ...good, cache: { maxTtl: '30s' } }).cache).toMatchObject({
      minTtl: 30_000,
      maxTtl: 30_000,
    });
    expect(resolveModuleOptions({ ...good, cache: { minTtl: '2h' } }).cache).toMatchObject({
      minTtl: 7_200_000,
      maxTtl: 7_200_000,
    });
  });

  it('repeats no secret in a message', () => {
    const secret = 'hunter2-hunter2';
    const cases = [
      { issuer: `https://user:${secret}@id.example.com/` },
      { jwksUri: `https://user:${secret}@id.example.com/jwks#x` },
      { jwksUri: `//user:${secret}@id.example.com/jwks` },
      { jwksUri: `http://id.example.com/jwks?key=${secret}` },
      { cache: { integrityKey: secret } },
      { http: { headers: { 'x-api-key': `${secret}\n` } } },
      { http: { proxy: [`http://user:${secret}@proxy`] } },
      { http: { tls: { key: { pem: secret } } } },
      { http: { tls: { cert: 5, key: secret } } },
    ];
    for (const options of cases) expect(refused(options).message).not.toContain(secret);
  });

  it('reads each option once and writes to none', () => {
    const reads = new Map<string, number>();
    const spied = spy(
      {
        ...good,
        jwksUri: 'https://id.example.com/jwks',
        jwks,
        failover: Object.freeze(['https://b.example.com/jwks', Object.freeze({ jwks })]),
        algorithms: Object.freeze(['ES256']),
        tokenType: 'at+jwt',
        clockTolerance: '1s',
        maxTokenAge: '1h',
        requiredClaims: Object.freeze(['exp', 'sub']),
        validate: () => true,
        allowInsecure: true,
        prefetch: false,
        tokenFrom: () => null,
        realm: 'orders',
        cache: spy(
          { store: new Map(), ttl: 1, minTtl: 1, maxTtl: 1, respectHeaders: true, refreshAhead: 1 },
          'cache.',
          reads,
        ),
        refetchLimit: spy({ burst: 1, every: 1 }, 'refetchLimit.', reads),
        http: spy(
          { timeout: 1, deadline: 1, retries: 1, headers: Object.freeze({ a: 'b' }), tls: spy({}, '', reads) },
          'http.',
          reads,
        ),
      },
      '',
      reads,
    );
    resolveModuleOptions(spied);
    expect(reads.size).toBeGreaterThan(30);
    expect([...reads].filter(([, count]) => count !== 1)).toEqual([]);
  });

  it('keeps a copy: what is changed later has no effect', () => {
    const audience = ['orders-api'];
    const algorithms = ['ES256'];
    const resolved = resolveModuleOptions({ ...good, audience, algorithms });
    audience.push('everything');
    algorithms.push('RS256');
    expect(resolved.trust).toMatchObject({ issuer: { audience: ['orders-api'] } });
    expect(plain(resolved)).toMatchObject({ trust: { issuer: { rules: { algorithms: ['ES256'] } } } });
  });

  it('calls validate and tokenFrom as methods of the object that they came in', () => {
    class Options {
      issuer = good.issuer;
      audience = good.audience;
      readonly #banned = 'mallory';
      validate(token: { claims: { sub: string } }) {
        return token.claims.sub !== this.#banned;
      }
      tokenFrom() {
        return this.#banned;
      }
    }
    const { trust, settings } = resolveModuleOptions(new Options());
    if (trust.kind !== 'one') throw new Error('one issuer');
    expect(trust.issuer.validate?.({ claims: { sub: 'mallory' } } as never, { request: undefined })).toBe(false);
    expect(settings.tokenFrom?.({ headers: {} })).toBe('mallory');
  });
});

describe('resolveModuleOptions, where keys come from', () => {
  const membersOf = (options: object) => {
    const { trust } = resolveModuleOptions({ ...good, ...options });
    if (trust.kind !== 'one') throw new Error('one issuer');
    return trust.issuer.members.map((member) => ('uri' in member ? member.uri : member.kind));
  };

  it('discovers the JWKS URI where none is given', () => {
    expect(membersOf({})).toEqual(['discovery']);
    expect(membersOf({ failover: [{ jwks }] })).toEqual(['discovery', 'static']);
  });

  it('makes jwks the last resort beside jwksUri and source, and the only one without them', () => {
    const failover = ['https://b.example.com'];
    expect(membersOf({ jwksUri: 'https://a.example.com', jwks, failover })).toEqual([
      'https://a.example.com',
      'https://b.example.com',
      'static',
    ]);
    expect(membersOf({ source: { load() {} }, jwks })).toEqual(['custom', 'static']);
    expect(membersOf({ jwks })).toEqual(['static']);
  });
});

describe('resolveModuleOptions, several issuers', () => {
  const a = { issuer: 'https://a.example.com' };
  const b = { issuer: 'https://b.example.com', audience: 'b-api', algorithms: ['ES256'], clockTolerance: 0 };

  it.each<Row>([
    [{ issuers: [] }, 'issuers', /at least one issuer/],
    [{ issuers: {} }, 'issuers', /not an object/],
    [{ issuers: [null] }, 'issuers', /null in it/],
    [{ issuers: ['https://a.example.com'] }, 'issuers', /"https:\/\/a\.example\.com" in it/],
    [{ issuers: [a, { ...a }] }, 'issuers[1].issuer', /stands before it already/],
    [{ issuers: [a, { audience: 'x' }] }, 'issuers[1].issuer', /is undefined/],
    [{ issuers: [{ issuer: false, jwks }] }, 'issuers[0].issuer', /takes the exact "iss" of the tokens, not false/],
    [{ issuers: [{ ...a, audience: undefined }] }, 'issuers[0].audience', /is undefined/],
    [{ issuers: [a], audience: undefined }, 'audience', /is undefined/],
    [{ issuers: [{ ...a, audience: '' }] }, 'issuers[0].audience', /an empty string/],
    [{ issuers: [a, { ...b, algorithms: ['none'] }] }, 'issuers[1].algorithms', /"none"/],
    [{ issuers: [{ ...a, failover: ['ftp://x'] }] }, 'issuers[0].failover[0].jwksUri', /"ftp:"/],
    [{ issuers: [{ ...a, cache: { ttl: 1 } }] }, 'issuers[0].cache', /There is no option/],
    [{ issuers: [a], issuer: 'https://c.example.com' }, 'issuer', /can't stand beside "issuers"/],
    [{ issuers: [a], jwksUri: 'https://c.example.com' }, 'jwksUri', /can't stand beside "issuers"/],
    [{ issuers: [a], discoveryUri: 'https://c.example.com' }, 'discoveryUri', /can't stand beside "issuers"/],
    [{ issuers: [a], jwks }, 'jwks', /can't stand beside "issuers"/],
    [{ issuers: [a], source: { load() {} } }, 'source', /can't stand beside "issuers"/],
    [{ issuers: [a], failover: [] }, 'failover', /can't stand beside "issuers"/],
    [{ issuers: () => undefined, prefetch: 'required' }, 'prefetch', /beside a resolver function/],
    [
      { issuers: () => undefined, http: { fetch } },
      'http.allowPrivateAddresses',
      /beside "http\.fetch".*resolver function/,
    ],
  ])('rejects %j and names "%s"', (options, option, says) => {
    const error = faultOf(() => resolveModuleOptions({ audience: 'orders-api', ...options }));
    expect(error.option).toBe(option);
    expect(error.message).toMatch(says);
  });

  it('needs an audience for each, its own or that of all', () => {
    expect(faultOf(() => resolveModuleOptions({ issuers: [b, a] })).option).toBe('issuers[1].audience');
  });

  it('gives each issuer what stands beside the list, unless it has its own', () => {
    const validate = () => true;
    const options = {
      issuers: [a, b],
      audience: 'all',
      algorithms: ['RS256'],
      tokenType: 'at+jwt',
      clockTolerance: '9s',
      validate,
    };
    const { trust } = plain(resolveModuleOptions(options)) as unknown as { trust: { issuers: unknown[] } };
    expect(trust.issuers).toMatchObject([
      { audience: ['all'], rules: { algorithms: ['RS256'], tokenType: 'at+jwt', clockTolerance: 9_000 } },
      { audience: ['b-api'], rules: { algorithms: ['ES256'], tokenType: 'at+jwt', clockTolerance: 0 } },
    ]);
  });

  it('closes the network to issuers that a function finds, unless the options open it', () => {
    const transportOf = (options: object) =>
      resolveModuleOptions({ audience: 'x', ...options }).http.transport.allowPrivateAddresses;
    expect(transportOf({ issuers: () => undefined })).toBe(false);
    expect(transportOf({ issuers: () => undefined, http: { allowPrivateAddresses: true } })).toBe(true);
    expect(transportOf({ issuers: [a] })).toBe(true);
  });

  it('checks what the function returns as it checks a list', async () => {
    const found = new Map<string, unknown>([
      ['a', { ...a, clockTolerance: '1ms' }],
      ['b', { ...b, audience: '' }],
      ['c', null],
    ]);
    const { trust } = resolveModuleOptions({ issuers: async (iss: string) => found.get(iss), audience: 'all' });
    if (trust.kind !== 'tenants') throw new Error('a function');
    expect(await trust.resolve('a')).toMatchObject({
      issuer: a.issuer,
      audience: ['all'],
      rules: { clockTolerance: 1 },
    });
    await expect(trust.resolve('b')).rejects.toMatchObject({ option: 'issuers().audience' });
    expect(await trust.resolve('c')).toBeUndefined();
    expect(await trust.resolve('d')).toBeUndefined();
  });
});

describe('resolveClientOptions', () => {
  it('may leave out issuer and audience, also as undefined', () => {
    const options = { jwksUri: 'https://id.example.com/jwks', issuer: undefined, audience: undefined };
    expect(resolveClientOptions(options).trust).toMatchObject({
      kind: 'one',
      issuer: { issuer: undefined, audience: undefined },
    });
  });

  it.each([{}, { issuer: undefined }, { issuer: false }])('needs somewhere to have keys from: %j', (options) => {
    expect(faultOf(() => resolveClientOptions(options)).option).toBe('jwksUri');
  });

  it.each(['prefetch', 'tokenFrom', 'realm'])('has no option %s', (name) => {
    const error = faultOf(() => resolveClientOptions({ jwksUri: 'https://id.example.com/jwks', [name]: true }));
    expect(error.message).toContain(`There is no option "${name}"`);
  });

  it('checks what is given', () => {
    const refusedByClient = (options: object) =>
      faultOf(() => resolveClientOptions({ jwksUri: 'https://id.example.com/jwks', ...options })).option;
    expect(refusedByClient({ issuer: '' })).toBe('issuer');
    expect(refusedByClient({ audience: [] })).toBe('audience');
    expect(refusedByClient({ algorithms: ['none'] })).toBe('algorithms');
    expect(refusedByClient({ cache: { ttl: 0 } })).toBe('cache.ttl');
  });
});

/** Getters in place of values, which count. */
function spy(values: object, prefix: string, reads: Map<string, number>): object {
  const spied = {};
  for (const [name, value] of Object.entries(values)) {
    const get = () => {
      reads.set(prefix + name, (reads.get(prefix + name) ?? 0) + 1);
      return value as unknown;
    };
    Object.defineProperty(spied, name, { get, enumerable: true });
  }
  return Object.freeze(spied);
}

/** Without functions, and with lists in place of sets: to be compared. */
function plain(resolved: ResolvedModule): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(resolved, (_, value: unknown) => (value instanceof Set ? [...(value as Set<unknown>)] : value)),
  ) as Record<string, unknown>;
}

describe('credentials beside several issuers', () => {
  const http = { headers: { 'x-api-key': 'secret' } };
  const several = { issuers: [{ issuer: 'https://a', http }, { issuer: 'https://b' }], audience: 'orders-api' };

  it('are an error beside a function, since every issuer that it returns would get them', () => {
    for (const [option, given] of [
      ['http.headers', http],
      ['http.tls', { tls: { rejectUnauthorized: true } }],
    ] as const) {
      let error = {} as JwksConfigurationError;
      try {
        resolveModuleOptions({ audience: 'orders-api', issuers: () => undefined, http: given });
      } catch (thrown) {
        error = thrown as JwksConfigurationError;
      }
      expect(error.option).toBe(option);
      expect(error.message).not.toContain('secret');
    }
  });

  it('go to the issuers that name them alone', () => {
    const { trust, http: shared } = resolveModuleOptions({ ...several, http });
    if (trust.kind !== 'list') throw new Error('a list');
    expect(trust.issuers.map((issuer) => issuer.http?.headers)).toEqual([http.headers, undefined]);
    expect(shared.headers).toEqual({});
  });
});
