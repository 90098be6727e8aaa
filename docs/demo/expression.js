// Expressions in x and y, as a person types them: parsed here and called as closures, so that no
// text is ever run as a program. The language has no loops, so that every expression ends.

const CONSTANTS = { pi: Math.PI, e: Math.E };

/** Functions with the numbers of arguments that they take. */
const FUNCTIONS = {
  abs: [Math.abs, 1],
  acos: [Math.acos, 1],
  asin: [Math.asin, 1],
  atan: [Math.atan, 1],
  atan2: [Math.atan2, 2],
  cbrt: [Math.cbrt, 1],
  ceil: [Math.ceil, 1],
  cos: [Math.cos, 1],
  cosh: [Math.cosh, 1],
  exp: [Math.exp, 1],
  floor: [Math.floor, 1],
  hypot: [Math.hypot, 2],
  ln: [Math.log, 1],
  log: [Math.log, 1],
  log10: [Math.log10, 1],
  log2: [Math.log2, 1],
  max: [Math.max, 2],
  min: [Math.min, 2],
  mod: [(a, b) => a - b * Math.floor(a / b), 2],
  pow: [Math.pow, 2],
  round: [Math.round, 1],
  sign: [Math.sign, 1],
  sin: [Math.sin, 1],
  sinh: [Math.sinh, 1],
  sqrt: [Math.sqrt, 1],
  tan: [Math.tan, 1],
  tanh: [Math.tanh, 1],
};

/** Names that an expression may use, for the page's help. */
export const FUNCTION_NAMES = Object.keys(FUNCTIONS);

// A longer text is no formula, and the parser's recursion is as deep as the text is long.
const LONGEST = 1000;

/** What is wrong with an expression, and where: `position` counts characters from 0. */
export class ExpressionError extends Error {
  constructor(message, position) {
    super(message);
    this.name = 'ExpressionError';
    this.position = position;
  }
}

const TOKEN = /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<operator>\*\*|[-+*/^(),]))/y;

function tokensOf(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  let end = 0;
  for (;;) {
    const found = TOKEN.exec(text);
    if (!found) break;
    end = TOKEN.lastIndex;
    const kind = Object.keys(found.groups).find((group) => found.groups[group] !== undefined);
    const read = found.groups[kind];
    tokens.push({ kind, text: read, position: end - read.length });
  }
  const rest = end + text.slice(end).search(/\S|$/);
  if (rest < text.length) {
    const character = String.fromCodePoint(text.codePointAt(rest));
    throw new ExpressionError(`the character “${character}” has no meaning here`, rest);
  }
  tokens.push({ kind: 'end', text: 'the end', position: text.trimEnd().length });
  return tokens;
}

/** A parser by recursive descent; each method gives a function of x and y. */
class Parser {
  #tokens;
  #next = 0;

  constructor(text) {
    this.#tokens = tokensOf(text);
  }

  get #token() {
    return this.#tokens[this.#next];
  }

  #fail(wanted) {
    const { kind, text, position } = this.#token;
    throw new ExpressionError(`expected ${wanted}, found ${kind === 'end' ? text : `“${text}”`}`, position);
  }

  #take(...operators) {
    const { kind, text } = this.#token;
    if (kind !== 'operator' || !operators.includes(text)) return null;
    this.#next += 1;
    return text;
  }

  whole() {
    const value = this.#sum();
    if (this.#token.kind !== 'end') this.#fail('an operator');
    return value;
  }

  #sum() {
    let left = this.#product();
    for (;;) {
      const operator = this.#take('+', '-');
      if (!operator) return left;
      const [a, b] = [left, this.#product()];
      left = operator === '+' ? (x, y) => a(x, y) + b(x, y) : (x, y) => a(x, y) - b(x, y);
    }
  }

  #product() {
    let left = this.#signed();
    for (;;) {
      const operator = this.#take('*', '/');
      if (!operator) return left;
      const [a, b] = [left, this.#signed()];
      left = operator === '*' ? (x, y) => a(x, y) * b(x, y) : (x, y) => a(x, y) / b(x, y);
    }
  }

  // As in mathematics a sign binds less than a power: -x^2 is -(x^2).
  #signed() {
    if (this.#take('+')) return this.#signed();
    if (!this.#take('-')) return this.#power();
    const value = this.#signed();
    return (x, y) => -value(x, y);
  }

  #power() {
    const base = this.#atom();
    if (!this.#take('^', '**')) return base;
    const exponent = this.#signed();
    return (x, y) => base(x, y) ** exponent(x, y);
  }

  #atom() {
    const { kind, text } = this.#token;
    if (kind === 'number') {
      this.#next += 1;
      const number = Number(text);
      return () => number;
    }
    if (kind === 'name') return this.#name();
    if (!this.#take('(')) this.#fail('a number, a name or “(”');
    const inner = this.#sum();
    if (!this.#take(')')) this.#fail('“)”');
    return inner;
  }

  #name() {
    const { text: name, position } = this.#token;
    this.#next += 1;
    if (name === 'x') return (x) => x;
    if (name === 'y') return (x, y) => y;
    if (Object.hasOwn(CONSTANTS, name)) return () => CONSTANTS[name];
    if (!Object.hasOwn(FUNCTIONS, name)) {
      throw new ExpressionError(`there is no “${name}”; there are x, y, pi, e and functions such as sin(x)`, position);
    }
    const [body, arity] = FUNCTIONS[name];
    if (!this.#take('(')) this.#fail(`“(” after ${name}`);
    const first = this.#sum();
    if (arity === 1) {
      if (!this.#take(')')) this.#fail(`“)” after the argument of ${name}`);
      return (x, y) => body(first(x, y));
    }
    if (!this.#take(',')) this.#fail(`a comma: ${name} takes two arguments`);
    const second = this.#sum();
    if (!this.#take(')')) this.#fail(`“)” after the arguments of ${name}`);
    return (x, y) => body(first(x, y), second(x, y));
  }
}

/**
 * The function of x and y that a text describes.
 * @throws {ExpressionError} With the position of what is wrong.
 */
export function parse(text) {
  if (text.trim() === '') throw new ExpressionError('an expression in x and y is missing', 0);
  if (text.length > LONGEST) throw new ExpressionError(`an expression has at most ${LONGEST} characters`, LONGEST);
  return new Parser(text).whole();
}
