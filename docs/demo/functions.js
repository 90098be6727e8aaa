// Test functions as expressions, in ranges of x and y, with their lowest values in them.

/** The functions that the page offers. */
export const FUNCTIONS = [
  {
    name: 'Branin',
    expression: '(y - 5.1*x^2/(4*pi^2) + 5*x/pi - 6)^2 + 10*(1 - 1/(8*pi))*cos(x) + 10',
    x: [-5, 10],
    y: [0, 15],
    lowest: 0.39788735772973816,
    about: 'Three valleys of equal depth.',
  },
  {
    name: 'Six-hump camel',
    expression: '(4 - 2.1*x^2 + x^4/3)*x^2 + x*y + 4*(y^2 - 1)*y^2',
    x: [-2, 2],
    y: [-1, 1],
    lowest: -1.031628453489877,
    about: 'Six minima, two of them global.',
  },
  {
    name: 'Rosenbrock',
    expression: '100*(y - x^2)^2 + (1 - x)^2',
    x: [-2, 2],
    y: [-1, 3],
    lowest: 0,
    about: 'A curved valley, nearly flat along its floor.',
  },
  {
    name: 'Ackley',
    expression: '-20*exp(-0.2*sqrt((x^2 + y^2)/2)) - exp((cos(2*pi*x) + cos(2*pi*y))/2) + 20 + e',
    x: [-4, 6],
    y: [-4, 6],
    lowest: 0,
    about: 'A hole in a field of ripples.',
  },
  {
    name: 'Himmelblau',
    expression: '(x^2 + y - 11)^2 + (x + y^2 - 7)^2',
    x: [-5, 5],
    y: [-5, 5],
    lowest: 0,
    about: 'Four minima of value 0.',
  },
  {
    name: 'Rastrigin',
    expression: '20 + x^2 + y^2 - 10*(cos(2*pi*x) + cos(2*pi*y))',
    x: [-3, 5],
    y: [-3, 5],
    lowest: 0,
    about: 'A bowl with a minimum at every whole number.',
  },
  {
    name: 'A cliff',
    expression: 'sqrt(4 - x^2 - y^2) + (x - 0.9)^2 + y^2/2',
    x: [-3, 3],
    y: [-3, 3],
    lowest: null,
    about: 'Outside the circle every trial fails: there the root has no value.',
  },
];
