// Draws results/picture.svg and writes the tables of docs/benchmarks.md, from what results/ holds.
import { drawChaos } from './report/chaos-results.mjs';
import { draw } from './report/publish.mjs';

draw();
drawChaos();
