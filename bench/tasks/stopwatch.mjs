/**
 * What an operation takes, of as many as `work` says it did: wall time, and CPU time of the whole
 * process, its thread pool included. Microseconds.
 *
 * @param {() => Promise<number>} work
 */
export async function timed(work) {
  const cpuBefore = process.cpuUsage();
  const startedAt = process.hrtime.bigint();
  const operations = await work();
  const wall = Number(process.hrtime.bigint() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wall: wall / operations, cpu: (user + system) / operations };
}
