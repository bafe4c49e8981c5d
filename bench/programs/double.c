// Double-precision arithmetic: a Jovian n-body system (symplectic Euler, with square roots), then
// LU factorisation with partial pivoting and solving (the kernel that linpack times), then an
// escape-time set. gcc contracts to fused multiply-adds where the machine has them, as it does for
// anybody. Results are rounded: what is compared is that both machines did the same work.
#include "runtime/runtime.h"

enum { BODIES = 5, STEPS = 350 * 1000, ORDER = 160, SYSTEMS = 22, SIDE = 420, ESCAPE = 120 };

struct body {
  double x, y, z, vx, vy, vz, mass;
};
static struct body bodies[BODIES] = {
    {0, 0, 0, 0, 0, 0, 39.5},
    {4.84, -1.16, -0.10, 0.606, 2.81, -0.02, 0.0377},
    {8.34, 4.12, -0.40, -1.01, 1.82, 0.008, 0.0113},
    {12.89, -15.11, -0.22, 1.08, 0.868, -0.01, 0.00172},
    {15.38, -25.92, 0.18, 0.979, 0.594, -0.034, 0.00203},
};

static void advance(double step) {
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    for (int j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      double square = dx * dx + dy * dy + dz * dz;
      double pull = step / (square * __builtin_sqrt(square));
      a->vx -= dx * b->mass * pull, a->vy -= dy * b->mass * pull, a->vz -= dz * b->mass * pull;
      b->vx += dx * a->mass * pull, b->vy += dy * a->mass * pull, b->vz += dz * a->mass * pull;
    }
  }
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    a->x += step * a->vx, a->y += step * a->vy, a->z += step * a->vz;
  }
}

/** What the integration keeps, but for its own error. */
static double energy(void) {
  double sum = 0;
  for (int i = 0; i < BODIES; i++) {
    const struct body *a = &bodies[i];
    sum += a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz) / 2;
    for (int j = i + 1; j < BODIES; j++) {
      const struct body *b = &bodies[j];
      double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
      sum -= a->mass * b->mass / __builtin_sqrt(dx * dx + dy * dy + dz * dz);
    }
  }
  return sum;
}

static double matrix[ORDER][ORDER], right[ORDER];

static void subtract_row(double *row, const double *pivot_row, double factor, int from) {
  for (int j = from; j < ORDER; j++) row[j] -= factor * pivot_row[j];
}

/** Solves matrix · x = right in place. */
static void solve(void) {
  for (int k = 0; k < ORDER; k++) {
    int pivot = k;
    for (int i = k + 1; i < ORDER; i++)
      if (__builtin_fabs(matrix[i][k]) > __builtin_fabs(matrix[pivot][k])) pivot = i;
    for (int j = 0; pivot != k && j < ORDER; j++) {
      double kept = matrix[k][j];
      matrix[k][j] = matrix[pivot][j], matrix[pivot][j] = kept;
    }
    double kept = right[k];
    right[k] = right[pivot], right[pivot] = kept;
    for (int i = k + 1; i < ORDER; i++) {
      double factor = matrix[i][k] / matrix[k][k];
      subtract_row(matrix[i], matrix[k], factor, k);
      right[i] -= factor * right[k];
    }
  }
  for (int k = ORDER - 1; k >= 0; k--) {
    right[k] /= matrix[k][k];
    for (int i = 0; i < k; i++) right[i] -= matrix[i][k] * right[k];
  }
}

/** A random matrix whose solution is all ones; returns how far from it the sum is, times 1e6. */
static double solved_error(uint64_t *seed) {
  for (int i = 0; i < ORDER; i++) {
    right[i] = 0;
    for (int j = 0; j < ORDER; j++) {
      matrix[i][j] = (double)(int32_t)(next_random(seed) >> 32) * 0x1p-31;
      right[i] += matrix[i][j];
    }
  }
  solve();
  double sum = 0;
  for (int i = 0; i < ORDER; i++) sum += __builtin_fabs(right[i] - 1);
  return sum * 1e6;
}

static unsigned escaped(void) {
  unsigned steps = 0;
  for (int row = 0; row < SIDE; row++) {
    for (int column = 0; column < SIDE; column++) {
      double cx = -2 + 2.5 * column / SIDE, cy = -1.25 + 2.5 * row / SIDE, x = 0, y = 0;
      for (int n = 0; n < ESCAPE && x * x + y * y < 4; n++, steps++) {
        double next = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = next;
      }
    }
  }
  return steps;
}

void program(void) {
  for (int n = 0; n < STEPS; n++) advance(0.001);
  report("n-body", (uint64_t)(-energy() * 1e3));
  uint64_t seed = 3;
  double error = 0;
  for (int n = 0; n < SYSTEMS; n++) error += solved_error(&seed);
  report("linear-systems", error < 1);
  report("escape-steps", escaped() / 1000);
}
