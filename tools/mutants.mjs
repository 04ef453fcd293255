// What single checks there are to remove: every condition, operand, guarding call and listed name
// of a file, switched off one at a time.
import { parseAst } from 'vitest/node';

const COMPARISONS = new Set(['===', '!==', '<', '>', '<=', '>=']);
/** By the value that makes an operand count for nothing. */
const NEUTRAL = { '&&': 'true', '||': 'false', '??': 'undefined' };

/** The file with all its mutants in it, asleep: mutant N is awake where `JWKS_MUTANT` is N. */
export function instrument(file, source, firstId) {
  const edits = [];
  const mutants = [];
  const add = (node, what) => {
    const id = firstId + mutants.length;
    const line = source.slice(0, node.start).split('\n').length;
    const code = source.slice(node.start, node.end).replace(/\s+/g, ' ');
    mutants.push({ id, file, line, what, code, near: source.split('\n')[line - 1] });
    return id;
  };
  const wrap = (node, value) => {
    const id = add(node, `is ${value}`);
    edits.push([node.start, `(mutant===${id}?${value}:(`, node.end], [node.end, '))', node.start]);
  };
  visit(parseAst(source, { lang: 'ts' }), (node, parent) => {
    if (node.type === 'IfStatement' || node.type === 'ConditionalExpression')
      verdicts(node).forEach((v) => wrap(node.test, v));
    if (node.type === 'LogicalExpression')
      [node.left, node.right].forEach((side) => wrap(side, NEUTRAL[node.operator]));
    if (isAnswer(node, parent)) ['false', 'true'].forEach((v) => wrap(node, v));
    if (isGuardingCall(node)) edits.push([node.start, `mutant===${add(node, 'is not called')}||`, node.end]);
    if (node.type === 'ArrayExpression' && isListOfNames(node)) {
      for (const name of node.elements) {
        const id = add(name, 'is not listed');
        edits.push([name.start, `...(mutant===${id}?[]:[`, name.end], [name.end, '])', name.start]);
      }
    }
  });
  return { code: `const mutant = Number(process.env.JWKS_MUTANT);\n${inserted(source, edits)}`, mutants };
}

/**
 * Without those that are no removal (always throwing), and those that the operands of the condition
 * stand for.
 */
function verdicts({ test, consequent }) {
  const throws = [consequent, consequent.body?.at(-1)].some((last) => last?.type === 'ThrowStatement');
  if (throws) return ['false'];
  if (test.type !== 'LogicalExpression') return ['false', 'true'];
  return [test.operator === '&&' ? 'false' : 'true'];
}

/** A comparison, negation or conjunction that a function answers with. */
function isAnswer(node, parent) {
  const answers =
    parent?.type === 'ReturnStatement' || (parent?.type === 'ArrowFunctionExpression' && parent.body === node);
  const isNegation = node.type === 'UnaryExpression' && node.operator === '!';
  return answers && (isNegation || (node.type === 'BinaryExpression' && COMPARISONS.has(node.operator)));
}

/**
 * A call for its effect alone, such as `validateTimestamps(claims)`: it throws, or it does nothing.
 */
function isGuardingCall(node) {
  if (node.type !== 'ExpressionStatement') return false;
  const { type, argument } = node.expression;
  return (
    (type === 'AwaitExpression' ? argument : node.expression).type === 'CallExpression' &&
    node.expression.callee?.type !== 'Super'
  );
}

function isListOfNames({ elements }) {
  return elements.length > 1 && elements.every((each) => each?.type === 'Literal' && typeof each.value === 'string');
}

function visit(node, look, parent) {
  if (typeof node?.type !== 'string' || /^TS(?!AsExpression|NonNull)/.test(node.type)) return;
  look(node, parent);
  for (const child of Object.values(node)) {
    for (const each of Array.isArray(child) ? child : [child]) if (typeof each === 'object') visit(each, look, node);
  }
}

/**
 * At one place what closes comes before what opens, the innermost closing first and the outermost
 * opening first.
 */
function inserted(source, edits) {
  const order = (edit) => (edit[2] <= edit[0] ? 0 : 1);
  const sorted = edits
    .map((edit, index) => ({ edit, index }))
    .toSorted((a, b) => a.edit[0] - b.edit[0] || order(a.edit) - order(b.edit) || b.edit[2] - a.edit[2] || turn(a, b));
  let [text, at] = ['', 0];
  for (const { edit } of sorted) {
    text += source.slice(at, edit[0]) + edit[1];
    at = edit[0];
  }
  return text + source.slice(at);
}

/** Two pairs around the very same node: the one that was opened first is closed last. */
function turn(a, b) {
  return a.edit[2] <= a.edit[0] ? b.index - a.index : a.index - b.index;
}
