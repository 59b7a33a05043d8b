package dev.sluice.transforms.reproduction;

import dev.sluice.schemas.Reproduction;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The experiments that can be run again. THEORY 8. */
public enum Experiment {
  /** KL against K, n, m, bits and V. THEORY 8.1. */
  E1("e1", 40, new BigramSweeps()),
  /** KL with nodes whose truths differ. THEORY 8.2. */
  E1_5("e1.5", 20, new DriftSweep()),
  /** Coverage. THEORY 8.3. */
  E2("e2", 20, new CoverageSweeps()),
  /** Error by round of refinement. THEORY 4.2. */
  REFINEMENT("refinement", 10, new RefinementTable()),
  /** KL against K, bits and their split. THEORY 8.7. */
  ALLOCATION("allocation", 20, new AllocationFigures());

  /** Of the documents. */
  public static final String FORMAT = "sluice-reproduction-1";

  private final String label;
  private final int seeds;
  private final Study study;

  Experiment(String label, int seeds, Study study) {
    this.label = label;
    this.seeds = seeds;
    this.study = study;
  }

  /** Its name. */
  public String label() {
    return label;
  }

  /** Repetitions as published; where nothing is, as many as show the third digit. */
  public int seeds() {
    return seeds;
  }

  /** The experiment of this name. */
  public static Optional<Experiment> find(String label) {
    return Arrays.stream(values()).filter(e -> e.label.equals(label)).findFirst();
  }

  /** All names. */
  public static String labels() {
    return Arrays.stream(values()).map(Experiment::label).collect(Collectors.joining(", "));
  }

  /** Settings that are run by themselves. */
  public int settings() {
    return study.settings();
  }

  /**
   * Measures one repetition of one setting. Pure: a function of its arguments alone.
   *
   * @param setting in [0, settings)
   * @return quantities in an order that {@link #reproduction} knows
   */
  public double[] run(int setting, long seed) {
    return study.run(setting, seed);
  }

  /**
   * The document.
   *
   * @param seed of the first repetition
   * @param results [setting][repetition][quantity], at least one repetition, as many of each
   */
  public Reproduction reproduction(long seed, double[][][] results) {
    return study
        .table(results)
        .setFormat(FORMAT)
        .setExperiment(label)
        .setSeed(seed)
        .setSeeds(results[0].length)
        .build();
  }
}
