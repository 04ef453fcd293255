// Draws results/picture.svg, and writes the table of docs/benchmarks.md, from results/latest.json.
import { draw } from './report/publish.mjs';

draw();
