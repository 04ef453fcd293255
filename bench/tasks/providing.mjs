import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answer, answerElsewhere } from '../chaos/answers.mjs';

/** Below the range of outgoing connections: a port that was closed can be opened again. */
const PORTS = { from: 20_000, count: 12_000 };
const PATH = '/jwks';

const providers = new Map();
let keys;

/** Opens a provider for each name, on a port of its own; returns the addresses of their sets. */
export async function open({ jwks, names }) {
  keys = new Map(Object.entries(jwks));
  const opened = names.map(async (name) => {
    const provider = new Provider();
    providers.set(name, provider);
    return [name, await provider.start()];
  });
  return Object.fromEntries(await Promise.all(opened));
}

/** Plays the states of each provider; `states` are `[milliseconds after its start, state]`. */
export async function play(plays) {
  await Promise.all(
    plays.map(async ({ name, startsAt, states }) => {
      for (const [after, state] of states) {
        await pause(Math.max(0, startsAt + after - Date.now()));
        await providers.get(name).enter(state);
      }
    }),
  );
}

/** How often the set of each provider was asked for. */
export function fetches() {
  return Object.fromEntries([...providers].map(([name, provider]) => [name, provider.fetches]));
}

class Provider {
  fetches = 0;
  #server = createServer((request, response) => void this.#answer(request, response));
  #state;
  #seen = 0;
  #port;

  async start() {
    while (!this.#port) {
      const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
      await this.#listen(port).then(
        () => (this.#port = port),
        () => undefined,
      );
    }
    return `http://127.0.0.1:${this.#port}${PATH}`;
  }

  async enter(state) {
    this.#state = state;
    this.#seen = 0;
    if (state.kind === 'closed') {
      this.#server.close();
      this.#server.closeAllConnections();
    } else if (!this.#server.listening) {
      await this.#listen(this.#port);
    }
  }

  async #listen(port) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  #answer(request, response) {
    if (request.url !== PATH) return answerElsewhere(response);
    this.fetches += 1;
    const seen = this.#seen;
    this.#seen += 1;
    return answer({ state: this.#state, seen, setOf, request, response });
  }
}

function setOf(names) {
  return { keys: names.map((name) => keys.get(name)) };
}
