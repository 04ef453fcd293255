/**
 * Holds a server to a good token and to those that it must refuse, and to a request without one.
 */
export async function qualifyServer(port, { specimens, refuses }) {
  const status = async (token) => {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(`http://127.0.0.1:${port}/orders`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  const first = await status(specimens.good);
  if (first !== 200) throw new Error(`answers a good token with ${first}, so it is not measured`);
  for (const kind of refuses) {
    const got = await status(specimens[kind]);
    if (got !== 401) throw new Error(`answers a token that is ${kind} with ${got}, so it is not measured`);
  }
  if (refuses.length > 0 && (await status()) === 200) throw new Error('lets in a request without a token');
}
