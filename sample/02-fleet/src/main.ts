import { Fleet } from './fleet.js';
import { RedisProcess } from './processes.js';
import { play } from './story.js';
import { Timeline } from './timeline.js';
import { Traffic } from './traffic.js';

if (!RedisProcess.installed) {
  console.error('This sample needs redis-server on the PATH: apt-get install redis-server, or brew install redis.');
  process.exit(1);
}

const fleet = await Fleet.start();
const traffic = new Traffic(await fleet.listen());
traffic.token = await fleet.issuer.sign();
const { issuer } = fleet;
const timeline = new Timeline(() => ({
  requests: traffic.requests,
  failures: traffic.failures,
  slowest: traffic.takeSlowest(),
  fetches: issuer.jwksRequests,
}));

timeline.heading();
void traffic.flow();
const bound = await play(fleet, traffic, timeline);
await traffic.stop();
await fleet.stop();

const { requests, failures } = traffic;
const isGood = failures === 0 && issuer.jwksRequests <= bound;
console.log(`\n${requests} requests, ${failures} failures, ${issuer.jwksRequests} fetches; at most ${bound} were due.`);
console.log(isGood ? 'As it should be.' : 'Not as it should be.');
process.exit(isGood ? 0 : 1);
