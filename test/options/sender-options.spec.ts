import { describe, expect, it } from 'vitest';
import { JwksConfigurationError } from '../../lib/core/errors.js';
import { memoryReplayStore } from '../../lib/proof/replay-store.js';
import { OptionReader } from '../../lib/options/option-reader.js';
import { resolveSender } from '../../lib/options/resolve-sender.js';
import { resolveClientOptions, resolveModuleOptions } from '../../lib/options/resolve-options.js';

const good = { issuer: 'https://id.example.com/', audience: 'orders-api' };
const secret = 'a secret of at least 32 characters';
const nginx = { certificate: 'nginx', trustedProxies: ['10.0.0.0/8'] };

const resolve = (options: object) => resolveModuleOptions({ ...good, ...options }).settings;

describe('dpop, mtls and boundTokens', () => {
  it('are off by default', () => {
    expect(resolve({}).sender).toMatchObject({ dpop: undefined, mtls: undefined, isVerifiedByGateway: false });
    expect(resolve({ dpop: false, boundTokens: 'refuse' }).sender).toMatchObject({ dpop: undefined });
  });

  it('have defaults', () => {
    const { sender, warnings } = resolve({ dpop: true });
    expect(sender.dpop).toMatchObject({
      required: false,
      publicUrl: undefined,
      proofMaxAge: 60_000,
      algorithms: ['ES256', 'EdDSA', 'Ed25519', 'PS256', 'RS256'],
      replay: { add: expect.any(Function) as unknown },
      nonces: undefined,
    });
    expect(warnings).toEqual([]);
    expect(resolve({ dpop: {} }).sender.dpop).toMatchObject({ proofMaxAge: 60_000 });
    expect(resolve({ dpop: { nonce: { secret } } }).sender.dpop?.nonces?.lifetime).toBe(300_000);
  });

  it.each([
    ['https://API.example.com', 'https://api.example.com'],
    ['https://api.example.com:443/', 'https://api.example.com'],
    ['https://api.example.com/shop/', 'https://api.example.com/shop'],
    ['http://127.0.0.1:3000', 'http://127.0.0.1:3000'],
  ])('take the public URL %s as %s', (publicUrl, taken) => {
    expect(resolve({ dpop: { publicUrl } }).sender.dpop?.publicUrl).toBe(taken);
  });

  it('warn of what gives protection away', () => {
    expect(resolve({ dpop: { replay: false } }).warnings).toEqual([expect.stringContaining('more than once')]);
    expect(resolve({ boundTokens: 'verified-by-gateway' }).warnings).toEqual([expect.stringContaining('gateway')]);
  });

  it('warn of trusted proxies that nothing uses', () => {
    for (const certificate of ['socket', () => undefined]) {
      const { warnings } = resolve({ mtls: { certificate, trustedProxies: ['10.0.0.0/8'] } });
      expect(warnings).toEqual([expect.stringContaining('"mtls.trustedProxies" is not used')]);
    }
    expect(resolve({ mtls: { certificate: 'socket' } }).warnings).toEqual([]);
  });

  it('warn of several processes that do not share a replay store', () => {
    const warningsOf = (options: object, isWorker = false) =>
      resolveSender(OptionReader.read(options, '', ['dpop', 'cache']), isWorker).warnings;
    const cache = { store: { get: () => undefined, set: () => undefined } };
    const shared = expect.stringContaining('redisReplayStore(client)') as string;
    expect(warningsOf({ dpop: true }, true)).toEqual([shared]);
    expect(warningsOf({ dpop: {}, cache })).toEqual([shared]);
    expect(warningsOf({ dpop: {}, cache: { store: false } })).toEqual([]);
    expect(warningsOf({ dpop: { replay: memoryReplayStore() }, cache }, true)).toEqual([]);
    expect(warningsOf({ cache }, true)).toEqual([]);
  });

  it('take each source of certificates', () => {
    expect(resolve({ mtls: { certificate: 'socket' } }).sender.mtls).toEqual({ kind: 'socket' });
    expect(resolve({ mtls: nginx }).sender.mtls).toMatchObject({ kind: 'header', format: 'nginx', name: undefined });
    const certificate = { header: 'X-Cert', format: 'client-cert' };
    expect(resolve({ mtls: { ...nginx, certificate } }).sender.mtls).toMatchObject({
      format: 'client-cert',
      name: 'x-cert',
    });
    expect(resolve({ mtls: { certificate: () => undefined } }).sender.mtls).toMatchObject({ kind: 'function' });
  });

  it.each<[object, string]>([
    [{ dpop: undefined }, 'dpop'],
    [{ dpop: null }, 'dpop'],
    [{ dpop: 'yes' }, 'dpop'],
    [{ dpop: { on: true } }, 'dpop.on'],
    [{ dpop: { required: undefined } }, 'dpop.required'],
    [{ dpop: { required: 'yes' } }, 'dpop.required'],
    [{ dpop: { publicUrl: undefined } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: '' } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: 'api.example.com' } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: 'https://api.example.com?x' } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: 'https://api.example.com/#x' } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: 'https://u:p@api.example.com' } }, 'dpop.publicUrl'],
    [{ dpop: { publicUrl: 'ftp://api.example.com' } }, 'dpop.publicUrl'],
    [{ dpop: { proofMaxAge: '4s' } }, 'dpop.proofMaxAge'],
    [{ dpop: { proofMaxAge: '11m' } }, 'dpop.proofMaxAge'],
    [{ dpop: { proofMaxAge: 'soon' } }, 'dpop.proofMaxAge'],
    [{ dpop: { algorithms: [] } }, 'dpop.algorithms'],
    [{ dpop: { algorithms: 'ES256' } }, 'dpop.algorithms'],
    [{ dpop: { algorithms: ['HS256'] } }, 'dpop.algorithms'],
    [{ dpop: { algorithms: ['none'] } }, 'dpop.algorithms'],
    [{ dpop: { replay: undefined } }, 'dpop.replay'],
    [{ dpop: { replay: true } }, 'dpop.replay'],
    [{ dpop: { replay: {} } }, 'dpop.replay'],
    [{ dpop: { nonce: undefined } }, 'dpop.nonce'],
    [{ dpop: { nonce: true } }, 'dpop.nonce'],
    [{ dpop: { nonce: {} } }, 'dpop.nonce.secret'],
    [{ dpop: { nonce: { secret: undefined } } }, 'dpop.nonce.secret'],
    [{ dpop: { nonce: { secret: 'short' } } }, 'dpop.nonce.secret'],
    [{ dpop: { nonce: { secret: [] } } }, 'dpop.nonce.secret'],
    [{ dpop: { nonce: { secret: [secret, 'short'] } } }, 'dpop.nonce.secret'],
    [{ dpop: { nonce: { secret, lifetime: '5s' } } }, 'dpop.nonce.lifetime'],
    [{ dpop: { nonce: { secret, lifetime: '25h' } } }, 'dpop.nonce.lifetime'],
    [{ mtls: undefined }, 'mtls'],
    [{ mtls: true }, 'mtls'],
    [{ mtls: {} }, 'mtls.certificate'],
    [{ mtls: { certificate: 'apache' } }, 'mtls.certificate'],
    [{ mtls: { certificate: 'nginx' } }, 'mtls.trustedProxies'],
    [{ mtls: { certificate: 'xfcc', trustedProxies: [] } }, 'mtls.trustedProxies'],
    [{ mtls: { certificate: 'alb', trustedProxies: ['proxy'] } }, 'mtls.trustedProxies'],
    [{ mtls: { certificate: 'socket', trustedProxies: undefined } }, 'mtls.trustedProxies'],
    [{ mtls: { ...nginx, certificate: { header: 'x' } } }, 'mtls.certificate.format'],
    [{ mtls: { ...nginx, certificate: { format: 'nginx' } } }, 'mtls.certificate.header'],
    [{ mtls: { ...nginx, certificate: { header: 'a b', format: 'nginx' } } }, 'mtls.certificate.header'],
    [{ boundTokens: undefined }, 'boundTokens'],
    [{ boundTokens: 'accept' }, 'boundTokens'],
    [{ boundTokens: 'verified-by-gateway', dpop: { required: true } }, 'boundTokens'],
  ])('reject %j, and name %s', (options, option) => {
    expect(() => resolve(options)).toThrow(expect.objectContaining({ option }) as Error);
    expect(() => resolve(options)).toThrow(JwksConfigurationError);
  });

  it.each<[object, RegExp]>([
    [{ dpop: 'required' }, /"dpop" takes true, false or an object of options, not "required"/],
    [{ dpop: { proofMaxAge: 60 } }, /"dpop.proofMaxAge" takes milliseconds: 60 is 60 ms; say '60s'/],
    [{ dpop: { proofMaxAge: '60' } }, /takes milliseconds: 60 is 60 ms; say '60s'/],
    [{ dpop: { nonce: { secret, lifetime: 3600 } } }, /"dpop.nonce.lifetime" takes milliseconds: 3600 is 3600 ms/],
    [{ clockTolerance: '5' }, /"clockTolerance" takes milliseconds: 5 is 5 ms; say '5s'/],
    [{ dpop: { publicUrl: 'api.example.com' } }, /such as 'https:\/\/api.example.com', not "api.example.com"/],
    [{ dpop: { nonce: { secret: 'secret' } } }, /at least 32 characters.*openssl rand.*not this text of 6 characters/],
  ])('say how to mend %j', (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });

  it('never show a secret', () => {
    expect(() => resolve({ dpop: { nonce: { secret: 'short secret' } } })).not.toThrow(/short secret/);
    expect(() => resolve({ dpop: { publicUrl: 'https://u:pass@api.example.com' } })).not.toThrow(/pass@/);
  });

  it('take stores of an application', () => {
    const replay = memoryReplayStore();
    expect(resolve({ dpop: { replay } }).sender.dpop?.replay).toBe(replay);
  });

  it('are no options of a client, which sees no request', () => {
    for (const options of [{ dpop: true }, { mtls: nginx }, { boundTokens: 'refuse' }])
      expect(() => resolveClientOptions({ ...good, ...options })).toThrow(/There is no option/);
  });
});
