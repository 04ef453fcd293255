// Draws results/picture.svg, and writes the README's table, from results/latest.json.
import { draw } from './report/publish.mjs';

draw();
