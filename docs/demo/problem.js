// The form that says what is minimized: a function of the list, or one that a person types.

import { ExpressionError, FUNCTION_NAMES, parse } from './expression.js';
import { FUNCTIONS } from './functions.js';
import { Landscape } from './landscape.js';

const OWN = 'own';

const element = (id) => document.getElementById(id);
const input = {
  choice: element('function'),
  expression: element('expression'),
  'x-low': element('x-low'),
  'x-high': element('x-high'),
  'y-low': element('y-low'),
  'y-high': element('y-high'),
};

/** A mistake in a field; with a position, in the text of the expression. */
class FieldError extends Error {
  constructor(field, message, position = null) {
    super(message);
    this.field = field;
    this.position = position;
  }
}

function rangeOf(name) {
  const [low, high] = [`${name}-low`, `${name}-high`].map((field) => {
    const value = input[field].valueAsNumber;
    if (!Number.isFinite(value)) throw new FieldError(field, `The range of ${name} lacks a number.`);
    return value;
  });
  if (low >= high) throw new FieldError(`${name}-low`, `The range of ${name} begins at ${low}, which is not below its end ${high}.`);
  if (!Number.isFinite(high - low)) throw new FieldError(`${name}-low`, `The range of ${name} is too wide.`);
  return [low, high];
}

/** What the form describes. */
function read() {
  const expression = input.expression.value;
  let objective;
  try {
    objective = parse(expression);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw new FieldError('expression', `Column ${error.position + 1}: ${error.message}.`, error.position);
  }
  const [x, y] = [rangeOf('x'), rangeOf('y')];
  const landscape = new Landscape(objective, x, y);
  if (landscape.empty) throw new FieldError('expression', 'The function has no finite value in these ranges.');
  const known = FUNCTIONS.find(
    (its) => its.expression === expression && its.x.join() === x.join() && its.y.join() === y.join(),
  );
  input.choice.value = known?.name ?? OWN;
  about(known);
  return { expression, x, y, landscape, lowest: known?.lowest ?? null };
}

function about(known) {
  element('about').textContent = known ? known.about : 'Your own function.';
}

function show(error) {
  const box = element('problem-error');
  for (const field of Object.values(input)) field.removeAttribute('aria-invalid');
  box.replaceChildren();
  box.hidden = error === null;
  if (error === null) return;
  input[error.field].setAttribute('aria-invalid', 'true');
  box.append(error.message);
  if (error.position === null) return;
  const marked = document.createElement('pre');
  marked.textContent = `${input.expression.value}\n${' '.repeat(error.position)}^`;
  marked.setAttribute('aria-hidden', 'true');
  box.append(marked);
}

function fill({ expression, x, y }) {
  input.expression.value = expression;
  [input['x-low'].value, input['x-high'].value] = x;
  [input['y-low'].value, input['y-high'].value] = y;
}

/**
 * Sets up the form. `onProblem` is called with each problem that is asked for and has no mistake;
 * a mistake is shown, and nothing else happens.
 */
export function setUpProblem(onProblem) {
  for (const { name } of FUNCTIONS) input.choice.add(new Option(name, name));
  input.choice.add(new Option('your own', OWN));
  element('function-names').textContent = FUNCTION_NAMES.join(', ');

  const submit = () => {
    try {
      const problem = read();
      show(null);
      onProblem(problem);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      show(error);
      input[error.field].focus();
      if (error.position !== null) input.expression.setSelectionRange(error.position, error.position + 1);
    }
  };
  input.choice.addEventListener('change', () => {
    const known = FUNCTIONS.find(({ name }) => name === input.choice.value);
    if (known) {
      fill(known);
      submit();
    } else {
      about(undefined);
      input.expression.focus();
    }
  });
  element('problem').addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  fill(FUNCTIONS[0]);
  submit();
}
