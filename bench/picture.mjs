// Draws results/picture.svg, and writes the README's table and that of the measure `chaos`, from what results/ holds.
import { drawChaos } from './report/chaos-results.mjs';
import { draw } from './report/publish.mjs';

draw();
drawChaos();
