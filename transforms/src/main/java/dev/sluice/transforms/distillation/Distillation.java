package dev.sluice.transforms.distillation;

import dev.sluice.transforms.channel.Dither;
import dev.sluice.transforms.theory.Softmax;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * Fits a {@link SoftmaxLinearStudent} to a teacher: least mean over probes of KL(teacher‖student),
 * THEORY 7.1.
 *
 * <p>For one probe with targets p and student q the gradient by the logits is q − p, and so it is
 * by every row of the probe's features. A step takes the mean over a batch of probes; each touched
 * row moves by {@code −rate·g/(√Σg² + ε)}, weight by weight, Σ over the steps of this fit that
 * touched it. Probes come in an order that the key and the epoch alone decide, sums run in the
 * order of the batch: same inputs, same bits.
 */
public final class Distillation {
  private Distillation() {}

  /**
   * Fits a student, from the weights that it has.
   *
   * @param features of every probe; probe l's are those of row l
   * @param key of the order in which probes come
   * @return mean over probes of KL(teacher‖student) as met in each epoch, before the step that the
   *     probe was in; nats
   * @throws IllegalArgumentException if student, features and table are of different sizes
   */
  public static double[] fit(
      SoftmaxLinearStudent student,
      int[][] features,
      TargetTable targets,
      StudentSettings settings,
      long key) {
    check(student, features, targets);
    Fit fit = new Fit(student, targets, settings, features);
    int probes = features.length;
    double[] losses = new double[settings.epochs()];
    for (int epoch = 0; epoch < losses.length; epoch++) {
      int[] order = order(probes, Dither.mix(key + epoch));
      double loss = 0;
      for (int from = 0; from < probes; from += settings.batch()) {
        loss += fit.step(order, from, Math.min(probes, from + settings.batch()));
      }
      losses[epoch] = loss / probes;
    }
    return losses;
  }

  /**
   * ε_fit: the mean over probes of KL(teacher‖student), nats, which is how far the student is above
   * the infimum over tables, 0. Its absolute error is about 1e-6, of rounding targets to float32.
   */
  public static double slack(SoftmaxLinearStudent student, int[][] features, TargetTable targets) {
    check(student, features, targets);
    double[] logits = new double[targets.vocabulary()];
    double[] probabilities = new double[targets.vocabulary()];
    double sum = 0;
    for (int probe = 0; probe < features.length; probe++) {
      student.logits(features[probe], logits);
      double logZ = Softmax.probabilities(logits, 0, logits.length, probabilities);
      sum += divergence(targets, probe, logits, logZ);
    }
    return Math.max(0, sum / features.length);
  }

  /** 0 .. n − 1 in the order of a keyed hash. */
  public static int[] order(int n, long key) {
    long[] hashes = new long[n];
    for (int i = 0; i < n; i++) {
      hashes[i] = Dither.mix(key ^ Dither.mix(i + 1L));
    }
    return IntStream.range(0, n)
        .boxed()
        .sorted(Comparator.<Integer>comparingLong(i -> hashes[i]).thenComparing(i -> i))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  private static void check(SoftmaxLinearStudent student, int[][] features, TargetTable targets) {
    if (features.length != targets.probes() || student.vocabulary() != targets.vocabulary()) {
      throw new IllegalArgumentException(
          "targets are of "
              + targets.probes()
              + " probes and "
              + targets.vocabulary()
              + " tokens, got features of "
              + features.length
              + " and a student of "
              + student.vocabulary());
    }
  }

  /** Σ p log p − Σ p log q, nats. */
  private static double divergence(TargetTable targets, int probe, double[] logits, double logZ) {
    float[] p = targets.row(probe);
    double cross = 0;
    for (int v = 0; v < p.length; v++) {
      cross += p[v] * (logZ - logits[v]);
    }
    return targets.negativeEntropy(probe) + cross;
  }

  /** One fit's state: a sum of squared gradients beside every weight. */
  private static final class Fit {
    private final SoftmaxLinearStudent student;
    private final TargetTable targets;
    private final StudentSettings settings;
    private final int[][] features;
    private final Map<Integer, float[]> squares = new HashMap<>();
    private final double[] logits;
    private final double[] probabilities;
    private final float[][] gradients; // one for each probe of the batch
    private final float[] gradient;

    /** A probe of the batch, by its place there, and one of its features. */
    private record Touch(int feature, int place) {}

    Fit(
        SoftmaxLinearStudent student,
        TargetTable targets,
        StudentSettings settings,
        int[][] features) {
      this.student = student;
      this.targets = targets;
      this.settings = settings;
      this.features = features;
      int vocabulary = targets.vocabulary();
      this.logits = new double[vocabulary];
      this.probabilities = new double[vocabulary];
      this.gradient = new float[vocabulary];
      this.gradients = new float[Math.min(settings.batch(), features.length)][vocabulary];
      for (int[] context : features) {
        for (int feature : context) {
          student.add(feature);
          squares.computeIfAbsent(feature, absent -> new float[vocabulary]);
        }
      }
    }

    /** The sum of the batch's losses before the step. */
    double step(int[] order, int from, int to) {
      List<Touch> touches = new ArrayList<>();
      double loss = 0;
      for (int place = 0; place < to - from; place++) {
        int probe = order[from + place];
        student.logits(features[probe], logits);
        double logZ = Softmax.probabilities(logits, 0, logits.length, probabilities);
        loss += divergence(targets, probe, logits, logZ);
        float[] p = targets.row(probe);
        float[] own = gradients[place];
        for (int v = 0; v < own.length; v++) {
          own[v] = (float) (probabilities[v] - p[v]);
        }
        for (int feature : features[probe]) {
          touches.add(new Touch(feature, place));
        }
      }
      touches.sort(Comparator.comparingInt(Touch::feature)); // stable: places ascend
      for (int i = 0; i < touches.size(); ) {
        int feature = touches.get(i).feature;
        System.arraycopy(gradients[touches.get(i).place], 0, gradient, 0, gradient.length);
        for (i++; i < touches.size() && touches.get(i).feature == feature; i++) {
          float[] more = gradients[touches.get(i).place];
          for (int v = 0; v < gradient.length; v++) {
            gradient[v] += more[v];
          }
        }
        move(feature, 1f / (to - from));
      }
      return loss;
    }

    private void move(int feature, float scale) {
      float[] row = student.row(feature);
      float[] sum = squares.get(feature);
      float rate = (float) settings.learningRate();
      float l2 = (float) settings.l2();
      float floor = (float) settings.floor();
      for (int v = 0; v < row.length; v++) {
        float g = gradient[v] * scale + l2 * row[v];
        float s = sum[v] + g * g;
        sum[v] = s;
        row[v] -= rate * g / ((float) Math.sqrt(s) + floor);
      }
    }
  }
}
