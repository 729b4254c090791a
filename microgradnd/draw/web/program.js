// The program of values and gradients, and what runs it: functions on dense arrays {shape, data}.
// Derivatives are not known here: the calls that compute them are those of Python's rules.

const filled = (shape, value = 0) => ({ shape, data: new Float64Array(size(shape)).fill(value) });
// An array as it is in the page: the bytes of its entries, one for all, or the first of those that lie regularly.
function arrayOf({ shape, packed, all: one, first, strides }) {
  if (packed !== undefined) return { shape, data: new Float64Array(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0)).buffer) };
  if (!strides) return filled(shape, one);
  const result = filled(shape);
  walk(shape, [strides], (i, [at]) => (result.data[i] = at), [first]);
  return result;
}

// Half to even, as NumPy rounds.
const rint = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const isTrue = (a) => a !== 0; // nan is
// As in C, where 1 to whatever power is 1, and -1 to an infinite one.
const power = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);
const logaddexp = (a, b) => (a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))));
const erf = (x) => {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x]; // 2/√π exp(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return ((2 * sum) / Math.sqrt(Math.PI)) * Math.exp(-x * x);
};
const { abs, acos, acosh, asin, asinh, atan, atan2, atanh, cbrt, ceil, cos, cosh, exp, expm1, floor, hypot, log, log10, log1p, log2, max, min, sign, sin, sinh, sqrt, tan, tanh, trunc } = Math;
// As Python does: the remainder has the sign of b.
const remainder = (a, b) => {
  const rest = a % b;
  return rest === 0 ? (b < 0 ? -0 : 0) : rest < 0 === b < 0 ? rest : rest + b;
};
const isNegative = (a) => a < 0 || Object.is(a, -0);
const floorDivide = (a, b) => {
  const rest = a % b;
  const whole = rint((a - rest) / b - (rest !== 0 && rest < 0 !== b < 0));
  return b === 0 ? a / b : whole || (Number.isNaN(whole) ? NaN : isNegative(a) === isNegative(b) ? 0 : -0);
};
const ENTRYWISE = {
  absolute: abs, fabs: abs, arccos: acos, arccosh: acosh, arcsin: asin, arcsinh: asinh,
  arctan: atan, arctan2: atan2, arctanh: atanh, cbrt, ceil, cos, cosh, exp, expm1, floor, hypot,
  log, log10, log1p, log2, maximum: max, minimum: min, power, sign: (a) => sign(a) + 0, sin, sinh, sqrt, tan, tanh,
  trunc, rint, logaddexp, erf, expit: (x) => 1 / (1 + exp(-x)),
  add: (a, b) => a + b, subtract: (a, b) => a - b, multiply: (a, b) => a * b, divide: (a, b) => a / b,
  remainder, fmod: (a, b) => a % b, floor_divide: floorDivide,
  negative: (a) => -a, positive: (a) => a, reciprocal: (a) => 1 / a, square: (a) => a * a,
  exp2: (a) => 2 ** a, heaviside: (a, b) => (a === 0 ? b : a && +(a > 0)),
  bitwise_and: (a, b) => a & b, bitwise_or: (a, b) => a | b, bitwise_xor: (a, b) => a ^ b,
  equal: (a, b) => +(a === b), not_equal: (a, b) => +(a !== b), less: (a, b) => +(a < b),
  less_equal: (a, b) => +(a <= b), greater: (a, b) => +(a > b), greater_equal: (a, b) => +(a >= b),
  logical_and: (a, b) => +(isTrue(a) && isTrue(b)), logical_or: (a, b) => +(isTrue(a) || isTrue(b)),
  logical_not: (a) => +!isTrue(a),
  isfinite: (a) => +Number.isFinite(a), isinf: (a) => +(abs(a) === Infinity), isnan: (a) => +Number.isNaN(a),
  signbit: (a) => +isNegative(a), where: (condition, a, b) => (isTrue(condition) ? a : b),
};

// A function of the entries of arrays, which are broadcast.
function entrywise(compute, arrays) {
  const rank = Math.max(...arrays.map(({ shape }) => shape.length));
  const lengths = (axis) => arrays.map(({ shape }) => shape.at(axis - rank) ?? 1);
  const shape = Array.from({ length: rank }, (_, axis) => lengths(axis).find((length) => length !== 1) ?? 1);
  const [result, entries] = [filled(shape), arrays.map(() => 0)];
  walk(shape, arrays.map((array) => stridesIn(shape, array.shape)), (i, at) => {
    arrays.forEach(({ data }, k) => (entries[k] = data[at[k]]));
    result.data[i] = compute(...entries);
  });
  return result;
}

// How far the entries of an array lie apart along the axes of a shape that it is broadcast to.
function stridesIn(shape, own) {
  const [strides, more] = [new Array(shape.length).fill(0), shape.length - own.length];
  for (let k = own.length - 1, step = 1; k >= 0; step *= own[k--]) if (own[k] !== 1) strides[k + more] = step;
  return strides;
}

// Summed over the axes along which a shape was broadcast.
function summed(array, shape) {
  if (String(array.shape) === String(shape)) return array;
  const result = filled(shape);
  const strides = stridesIn(array.shape, shape);
  walk(array.shape, [strides], (i, [at]) => (result.data[at] += array.data[i]));
  return result;
}

const added = (sums, key, more) =>
  sums.set(key, sums.has(key) ? entrywise(ENTRYWISE.add, [sums.get(key), more]) : more);

// Calls visit(i, places) for the entries of a shape in order; places move along by their strides.
function walk(shape, strides, visit, from = strides.map(() => 0)) {
  const [index, at, count] = [shape.map(() => 0), [...from], size(shape)];
  for (let i = 0; i < count; i++) {
    visit(i, at);
    for (let k = shape.length - 1; k >= 0; k--) {
      for (let j = 0; j < at.length; j++) at[j] += strides[j][k];
      if (++index[k] < shape[k]) break;
      for (let j = 0; j < at.length; j++) at[j] -= strides[j][k] * shape[k];
      index[k] = 0;
    }
  }
}

// What a function of a row, along the last axis, makes of all of them: numbers, or rows.
const rowsIn = ({ shape: [count, length], data }) =>
  Array.from({ length: count }, (_, i) => data.subarray(i * length, (i + 1) * length));
const overRows = (compute) => (array, { shape }) => ({ shape, data: Float64Array.from(rowsIn(array), (row) => compute(row)) });
const toRows = (compute) => (array) => ({ shape: array.shape, data: Float64Array.from(rowsIn(array).flatMap((row) => [...compute(row)])) });
const bestOf = (better) => (row) =>
  row.reduce((best, x, i) => (!Number.isNaN(row[best]) && (Number.isNaN(x) || better(x, row[best])) ? i : best), 0);
const order = (a, b) => (a > b) - (a < b) || Number.isNaN(a) - Number.isNaN(b); // nan comes last
const changed = (change) => (whole, places, entries) => {
  const result = { shape: whole.shape, data: whole.data.slice() };
  entries.data.forEach((entry, i) => change(result.data, places.data[i], entry));
  return result;
};

const FUNCTIONS = {
  pick: (array, places) => ({ shape: places.shape, data: places.data.map((at) => (at < 0 ? 0 : array.data[at])) }),
  join: (...given) => {
    const data = given.filter(Boolean).flatMap((array) => [...array.data]);
    return { shape: [data.length], data: Float64Array.from(data) };
  },
  put: changed((data, at, entry) => (data[at] = entry)),
  add_at: changed((data, at, entry) => (data[at] += entry)),
  // The sum of products over the axes beyond `out` ones, which are those of the result.
  contract: (...given) => {
    const { shape, sizes, out, strides } = given.pop();
    const [result, inner] = [filled(shape), sizes.slice(out)];
    const [outer, summed] = [strides.map((each) => each.slice(0, out)), strides.map((each) => each.slice(out))];
    const factors = given.map(({ data }) => data);
    walk(sizes.slice(0, out), outer, (i, from) => {
      let sum = 0;
      walk(inner, summed, (_, at) => {
        let product = factors[0][at[0]];
        for (let j = 1; j < at.length; j++) product *= factors[j][at[j]];
        sum += product;
      }, from);
      result.data[i] = sum;
    });
    return result;
  },
  sum: overRows((row) => row.reduce((a, b) => a + b, 0)),
  max: overRows((row) => row.reduce((a, b) => max(a, b))),
  min: overRows((row) => row.reduce((a, b) => min(a, b))),
  prod: overRows((row) => row.reduce((a, b) => a * b, 1)),
  any: overRows((row) => +row.some(isTrue)),
  all: overRows((row) => +row.every(isTrue)),
  argmax: overRows(bestOf((a, b) => a > b)),
  argmin: overRows(bestOf((a, b) => a < b)),
  argsort: toRows((row) => row.map((_, i) => i).sort((i, j) => order(row[i], row[j]))),
  cumsum: toRows((row) => { let sum = 0; return row.map((x) => (sum += x)); }),
  cumprod: toRows((row) => { let product = 1; return row.map((x) => (product *= x)); }),
};

// ---- running it ------------------------------------------------------------------------------------

class Program {
  constructor(program) {
    Object.assign(this, program);
    const unknown = this.items.find(([name]) => !["array", "seed"].includes(name) && !ENTRYWISE[name] && !FUNCTIONS[name]);
    if (unknown) throw new RangeError(`${unknown[0]} is not among the functions that it knows`);
    this.values = this.items.map(([name, , options]) => name === "array" && arrayOf(options));
    this.first = new Map(this.leaves.map((key) => [key, this.valueOf(key).data.slice()]));
    this.turnOf = new Map(this.turns.map((turn) => [turn.node, turn]));
    this.run();
  }

  compute(from, to) {
    for (let i = from; i < to; i++) {
      const [name, places, options] = this.items[i];
      if (name === "array" || name === "seed") continue;
      const given = places.map((place) => this.values[place]);
      this.values[i] = ENTRYWISE[name] ? entrywise(ENTRYWISE[name], given) : FUNCTIONS[name](...given, options);
    }
  }

  // Everything, from the leaves as they are.
  run() {
    this.compute(0, this.forward);
    this.backward();
    const lost = [...this.gradients.values()].some(({ data }) => data.some(Number.isNaN));
    if (lost && this.turns.some(({ kind }) => kind === "selects")) this.backward(this.alive());
  }

  valueOf(key) {
    return this.values[this.places[key]];
  }

  // What a turn adds to each of its arguments, from the gradient of its node.
  pull(turn, gradient, alive) {
    this.values[turn.linear - 1] = gradient;
    this.compute(turn.linear, turn.end);
    const masked = alive && turn.kind === "elementwise";
    const mask = (x) => (masked ? entrywise((reached, x) => (reached > 0 ? x : 0), [alive, x]) : x);
    return turn.products.map((product, k) => summed(mask(this.values[product]), this.valueOf(turn.to[k]).shape));
  }

  backward(alive) {
    this.products = new Map(); // by the key of a node and the position of the argument
    this.gradients = new Map(this.start.map(([key, array]) => [key, arrayOf(array)]));
    for (const turn of this.turns) {
      if (!alive) this.compute(turn.from, turn.linear);
      const products = this.pull(turn, this.gradients.get(turn.node), alive?.get(turn.node));
      turn.to.forEach((to, k) => {
        added(this.gradients, to, products[k]);
        this.products.set(`${turn.node} ${turn.positions[k]}`, products[k]);
      });
    }
  }

  // Positive where a path leads from an entry to the heads; elsewhere 0 · ∞ is 0.
  alive() {
    const alive = new Map(this.start.map(([key]) => [key, filled(this.valueOf(key).shape, 1)]));
    for (const turn of this.turns) {
      const [reached, shapes] = [alive.get(turn.node), turn.to.map((to) => this.valueOf(to).shape)];
      const moves = ["routes", "selects"].includes(turn.kind);
      const found = moves ? this.pull(turn, reached) : shapes.map((shape) => filled(shape, 1));
      turn.to.forEach((to, k) =>
        added(alive, to, turn.kind === "elementwise" ? summed(reached, shapes[k]) : found[k]),
      );
    }
    return alive;
  }

  // How many numbers are computed for the local derivatives of a node.
  stepsOf(key) {
    const { kind, linear, end } = this.turnOf.get(key);
    const steps = this.items.slice(linear, end).map(([, , options], i) => size(options?.sizes ?? this.values[linear + i].shape));
    return steps.reduce((a, b) => a + b, 0) * (kind === "elementwise" ? 1 : size(this.valueOf(key).shape));
  }

  // The local derivative of a node with respect to an argument: its rows, columns and values.
  derivative(key, position) {
    const [turn, { shape }] = [this.turnOf.get(key), this.valueOf(key)];
    const [found, k] = [[[], [], []], turn.positions.indexOf(position)];
    const put = (...entry) => isTrue(entry[2]) && entry.forEach((x, i) => found[i].push(x));
    if (turn.kind === "elementwise") {
      this.pull(turn, filled(shape, 1));
      const diagonal = this.values[turn.products[k]];
      const strides = [diagonal, this.valueOf(turn.to[k])].map((array) => stridesIn(shape, array.shape));
      walk(shape, strides, (row, [at, column]) => put(row, column, diagonal.data[at]));
    } else
      for (let row = 0; row < size(shape); row++) {
        const seed = filled(shape);
        seed.data[row] = 1;
        this.pull(turn, seed)[k].data.forEach((value, column) => put(row, column, value));
      }
    return found;
  }
}
