package dev.sluice.transforms.allocation;

/**
 * Nodes by gain, largest first, the lowest index first among equals. The caller changes the first
 * one's gain, then calls {@link #sink}.
 */
final class GainHeap {
  private final double[] gains;
  private final int[] heap;
  private int size;

  /**
   * @param gains by node; not copied
   * @param nodes the first {@code size} are the heap's; taken over
   */
  GainHeap(double[] gains, int[] nodes, int size) {
    this.gains = gains;
    this.heap = nodes;
    this.size = size;
    for (int at = size / 2 - 1; at >= 0; at--) {
      sink(at);
    }
  }

  boolean isEmpty() {
    return size == 0;
  }

  int first() {
    return heap[0];
  }

  void remove() {
    heap[0] = heap[--size];
    sink(0);
  }

  void sink() {
    sink(0);
  }

  private void sink(int from) {
    int at = from;
    int node = heap[at];
    while (true) {
      int child = 2 * at + 1;
      if (child >= size) {
        break;
      }
      if (child + 1 < size && before(heap[child + 1], heap[child])) {
        child++;
      }
      if (!before(heap[child], node)) {
        break;
      }
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = node;
  }

  private boolean before(int a, int b) {
    return gains[a] > gains[b] || (gains[a] == gains[b] && a < b);
  }
}
