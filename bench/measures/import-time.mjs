import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave } from '../support/rounds.mjs';

const PROBE = fileURLToPath(new URL('../tasks/import-probe.mjs', import.meta.url));

const CONTENDERS = [
  { name: 'nestjs-jwks', title: 'nestjs-jwks', kind: 'ours', modules: ['nestjs-jwks'] },
  {
    name: 'recipe',
    title: 'recipe: passport-jwt + jwks-rsa',
    kind: 'rival',
    modules: ['@nestjs/passport', 'passport-jwt', 'jwks-rsa'],
  },
  { name: 'jose', title: 'jose', kind: 'rival', modules: ['jose'] },
  { name: 'fast-jwt', title: 'fast-jwt + get-jwks', kind: 'rival', modules: ['fast-jwt', 'get-jwks'] },
  { name: 'aws-jwt-verify', title: 'aws-jwt-verify', kind: 'rival', modules: ['aws-jwt-verify'] },
];

/** What an import adds to the start of an application that has loaded Nest. */
export const importTime = {
  id: 'import-time',
  title: 'Importing it, once Nest is loaded',
  async run(lab, sheet) {
    const contenders = CONTENDERS.map(({ name, modules }) => ({ name, run: () => probe(modules) }));
    const samples = await interleave(contenders, { rounds: lab.pick({ full: 9, quick: 1 }), warmups: 1 });
    for (const contender of CONTENDERS) sheet.addRounds('after Nest', contender, samples.get(contender.name));
  },
};

function probe(modules) {
  const env = { ...process.env, NODE_ENV: 'production' };
  return JSON.parse(execFileSync(process.execPath, [PROBE, ...modules], { encoding: 'utf8', env }));
}
