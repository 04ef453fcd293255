/**
 * Checks a server with a good token, those that it must reject, and a request without one.
 */
export async function qualifyServer(port, { specimens, rejects }) {
  const status = async (token) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  const first = await status(specimens.good);
  if (first !== 200) throw new Error(`answers a good token with ${first}, so it is not measured`);
  for (const kind of rejects) {
    const got = await status(specimens[kind]);
    if (got !== 401) throw new Error(`answers a token that is ${kind} with ${got}, so it is not measured`);
  }
  if (rejects.length > 0 && (await status()) === 200) throw new Error('accepts a request without a token');
}
