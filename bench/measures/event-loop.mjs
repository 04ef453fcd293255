import { named, verifiers } from '../contenders/catalogue.mjs';
import { compare } from '../support/compare.mjs';
import { forgedTokens } from '../support/tokens.mjs';
import { publicKeyOf, setOf } from '../support/keys.mjs';

const KEYS = ['RS256', 'ES256', 'ES512'];
const GROUP = 'RS256, ES256 and ES512';

/** How long other requests wait while forged tokens come in, for each kind of key that the set has. */
export const eventLoop = {
  id: 'event-loop',
  title: 'The event loop under a flood of forged tokens',
  async run(lab, sheet) {
    const keys = await Promise.all(KEYS.map((alg) => publicKeyOf(alg)));
    const issuer = lab.idp.publish('flood', { keys: [...keys, ...setOf(1, lab.key('RS256').jwk).keys] });
    const tokens = forgedTokens(keys, issuer.issuer, lab.pick({ full: 3_000, quick: 300 }));
    const setup = { issuers: [issuer], audience: lab.setup('RS256').audience, algorithms: KEYS };
    await compare(sheet, GROUP, {
      contenders: named(verifiers, 'nestjs-jwks', 'jose', 'aws-jwt-verify'),
      tasks: 'verifying',
      prepare: (child, { name, rejects }) =>
        child.call('prepare', { contender: name, setup, specimens: lab.specimens('RS256', issuer), rejects }),
      run: (child) => child.call('flood', { tokens }),
      rounds: lab.pick({ full: 5, quick: 1 }),
      warmups: 1,
    });
  },
};
