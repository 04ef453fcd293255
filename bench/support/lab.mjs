import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Idp } from './idp.mjs';
import { ALGORITHMS, setOf, signingKey } from './keys.mjs';
import { makePool } from './pool-files.mjs';
import { AUDIENCE, specimens } from './tokens.mjs';

/**
 * More than any cache of tokens here keeps, so that a token that comes round again has been
 * forgotten.
 */
const POOL = { RS256: 30_000, others: 12_000, quick: 11_000 };

/** What all measures share: an identity provider, a key of each algorithm, tokens. */
export class Lab {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'nestjs-jwks-bench-')));
  #pools = new Map();
  #keys = new Map();

  /** `quick`: one short round of everything, to see that it works. */
  static async start({ quick }) {
    const lab = new Lab();
    process.once('exit', () => lab.close());
    lab.quick = quick;
    lab.idp = await Idp.start();
    for (const alg of ALGORITHMS) lab.#keys.set(alg, { own: await signingKey(alg), stranger: await signingKey(alg) });
    return lab;
  }

  key(alg = 'RS256') {
    return this.#keys.get(alg).own;
  }

  /** One of two values, by how long this run may take. */
  pick({ full, quick }) {
    return this.quick ? quick : full;
  }

  /** An issuer that signs with the key of an algorithm, in a set of so many keys. */
  issuer(alg = 'RS256', { name = alg.toLowerCase(), keys = 1 } = {}) {
    return this.idp.publish(name, setOf(keys, this.key(alg).jwk));
  }

  /** What a verifier is made with. */
  setup(alg, ...issuers) {
    return { issuers, audience: AUDIENCE, algorithms: [alg] };
  }

  specimens(alg, { issuer }) {
    const { own, stranger } = this.#keys.get(alg);
    return specimens(own, stranger, issuer);
  }

  /** The file of a pool of good tokens of these issuers, round and round. */
  pool(alg, issuers, { name = alg, count = this.#poolSize(alg) } = {}) {
    const origins = issuers.map(({ issuer }) => issuer);
    const id = `${name} of ${origins.length} ${origins[0]}`;
    if (!this.#pools.has(id)) {
      const file = `pool-${this.#pools.size}`;
      this.#pools.set(id, makePool(this.folder, file, { key: this.key(alg), issuers: origins, count }));
    }
    return this.#pools.get(id);
  }

  close() {
    this.idp.close();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #poolSize(alg) {
    if (this.quick) return POOL.quick;
    return alg === 'RS256' ? POOL.RS256 : POOL.others;
  }
}
