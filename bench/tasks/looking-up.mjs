import { timed } from './stopwatch.mjs';

let find;
let kids;

export async function prepare({ contender, issuer, kids: wanted }) {
  const { lookup } = await import(`../contenders/lookups/${contender}.mjs`);
  find = lookup({ ...issuer, kids: wanted.length });
  kids = wanted;
  for (const kid of kids) if (!(await find(kid))) throw new Error('finds no key where there is one');
  const found = await find('an unknown kid').then(Boolean, () => false);
  if (found) throw new Error('finds a key where there is none');
}

export function lookUp(count) {
  return timed(async () => {
    for (let done = 0; done < count; done += 1) await find(kids[done % kids.length]);
    return count;
  });
}
