/** Starts the server of a contender and returns its port. */
export async function serve({ contender, ...setup }) {
  const { serve: start } = await import(`../contenders/servers/${contender}.mjs`);
  return start(setup);
}

/** CPU time since the process began, all of its threads. Microseconds. */
export function cpu() {
  const { user, system } = process.cpuUsage();
  return user + system;
}
