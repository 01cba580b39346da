// How many rows each line takes, and how many stand before it: sums that grow at the end, so that 200,000 lines are found in a few steps.
export class Heights {
  constructor() {
    this.clear();
  }

  clear() {
    this.sums = new Float64Array(1024); // sums[n]: rows before line n
    this.length = 0;
  }

  push(rows) {
    if (this.length + 1 >= this.sums.length) {
      const larger = new Float64Array(this.sums.length * 2);
      larger.set(this.sums);
      this.sums = larger;
    }
    this.sums[this.length + 1] = this.sums[this.length] + rows;
    this.length += 1;
  }

  get total() {
    return this.sums[this.length];
  }

  before(line) {
    return this.sums[Math.max(Math.min(line, this.length), 0)];
  }

  of(line) {
    return this.sums[line + 1] - this.sums[line];
  }

  // The line in which row number `row` lies.
  find(row) {
    let low = 0;
    let high = Math.max(this.length - 1, 0);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.sums[middle] <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
