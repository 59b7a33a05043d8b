package dev.sluice.runners;

import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.channel.vector.VectorQuantizer;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import dev.sluice.transforms.comparison.ComparisonSettings.ReadFile;
import dev.sluice.transforms.comparison.NpyLogits;
import dev.sluice.transforms.comparison.VectorSettings;
import dev.sluice.transforms.comparison.VectorSource;
import dev.sluice.transforms.round.BadInputException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What {@code sluice compare} is asked of vectors. */
final class VectorOptions {
  private static final int DEFAULT_DIMENSION = 1024;
  private static final int DEFAULT_TRIALS = 8;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec spec;

  @Option(
      names = "--vectors",
      paramLabel = "WHAT",
      description =
          "Instead of logits: gaussian, lognormal, sparse, or an .npy file of vectors, one a row."
              + " A file of such a name is ./gaussian.")
  private String vectors;

  @Option(
      names = "--dim",
      paramLabel = "D",
      description = "Coordinates of a drawn vector. Default: " + DEFAULT_DIMENSION + ".")
  private Integer dimension;

  @Option(
      names = "--nodes",
      split = ",",
      paramLabel = "K",
      description =
          "How many nodes are averaged; all send the same vector, with keys of their own. Default:"
              + " 1,4,16,256.")
  private List<String> nodes;

  @Option(
      names = "--bits",
      split = ",",
      paramLabel = "BITS",
      description =
          "Bits a coordinate before side information; what is sent is measured. Default:"
              + " 0.5,1,2,3,4,6,8.")
  private List<String> bits;

  @Option(
      names = "--trials",
      paramLabel = "N",
      description =
          "How many vectors. Default: " + DEFAULT_TRIALS + ", or all rows of a file up to that.")
  private Integer trials;

  @Option(
      names = "--spread",
      paramLabel = "S",
      description =
          "Standard deviation of what each node's vector has of its own, in root mean squares of"
              + " the vector they have in common. Default: 0.")
  private Double spread;

  /** Whether vectors are meant. */
  boolean isGiven() {
    return vectors != null;
  }

  /** The first option that is about vectors, where they are not meant. */
  Optional<String> strayOption() {
    return List.of("--dim", "--nodes", "--bits", "--trials", "--spread").stream()
        .filter(spec.commandLine().getParseResult()::hasMatchedOption)
        .findFirst();
  }

  /**
   * What was asked for.
   *
   * @param names codes that were asked for; null for all but the costly
   */
  VectorSettings settings(List<String> names, long seed) throws IOException {
    VectorSource source =
        Arrays.stream(VectorSource.values())
            .filter(known -> known != VectorSource.FILE && known.label().equals(vectors))
            .findFirst()
            .orElse(VectorSource.FILE);
    int d = in("--dim", dimension, DEFAULT_DIMENSION, VectorSettings.MAX_DIMENSION);
    int most = in("--trials", trials, DEFAULT_TRIALS, VectorSettings.MAX_TRIALS);
    ReadFile file = null;
    if (source == VectorSource.FILE) {
      if (vectors.matches("[a-zA-Z]+")) {
        throw usage(
            "--vectors: found '"
                + vectors
                + "', expected gaussian, lognormal, sparse or an .npy file; a file of that name is ./"
                + vectors);
      }
      file = CompareCommand.file(vectors);
      try (NpyRows rows = NpyLogits.rows(file.path())) {
        checkShape(file, rows);
        if (dimension != null && d != rows.columns()) {
          throw usage("--dim: found " + d + ", expected the file's " + rows.columns());
        }
        d = rows.columns();
        most = (int) Math.min(most, rows.rows());
      }
    }
    if (spread != null && !(spread >= 0 && spread <= 1e6)) {
      throw usage("--spread: found " + spread + ", expected a number from 0 to 1000000");
    }
    return new VectorSettings(
        source,
        file,
        d,
        most,
        spread == null ? 0 : spread,
        seed,
        numbers("--nodes", nodes, "1,4,16,256", VectorOptions::nodeCount),
        numbers("--bits", bits, "0.5,1,2,3,4,6,8", VectorOptions::rate),
        chosen(names));
  }

  private void checkShape(ReadFile file, NpyRows rows) throws BadInputException {
    if (rows.columns() > VectorSettings.MAX_DIMENSION) {
      throw new BadInputException(
          file.path()
              + ": found "
              + rows.columns()
              + " columns, expected at most "
              + VectorSettings.MAX_DIMENSION);
    }
    if (trials != null && trials > rows.rows()) {
      throw usage("--trials: found " + trials + ", expected at most the file's " + rows.rows());
    }
  }

  private int in(String option, Integer value, int otherwise, int most) {
    int number = value == null ? otherwise : value;
    if (number < 1 || number > most) {
      throw usage(option + ": found " + number + ", expected 1 to " + most);
    }
    return number;
  }

  private static Optional<Integer> nodeCount(String text) {
    return text.matches("[0-9]{1,6}")
        ? Optional.of(Integer.parseInt(text))
            .filter(count -> count >= 1 && count <= VectorSettings.MAX_NODES)
        : Optional.empty();
  }

  private static Optional<Double> rate(String text) {
    return text.matches("[0-9]{1,3}(\\.[0-9]{1,9})?")
        ? Optional.of(Double.parseDouble(text))
            .filter(rate -> rate > 0 && rate <= VectorSettings.MAX_RATE)
        : Optional.empty();
  }

  private <T> List<T> numbers(
      String option, List<String> given, String otherwise, Function<String, Optional<T>> parse) {
    List<String> texts = given == null ? List.of(otherwise.split(",")) : given;
    return texts.stream()
        .map(
            text ->
                parse
                    .apply(text)
                    .orElseThrow(
                        () ->
                            usage(
                                option
                                    + ": found '"
                                    + Texts.printable(text)
                                    + "', expected "
                                    + (option.equals("--nodes")
                                        ? "whole numbers from 1 to " + VectorSettings.MAX_NODES
                                        : "numbers above 0, at most 32"))))
        .toList();
  }

  private List<String> chosen(List<String> names) {
    if (names == null) {
      return VectorQuantizers.all().stream()
          .filter(quantizer -> !quantizer.isCostly())
          .map(VectorQuantizer::name)
          .toList();
    }
    for (String name : names) {
      if (VectorQuantizers.find(name).isEmpty()) {
        throw usage(
            "--quantizer: found '"
                + Texts.printable(name)
                + "', expected some of "
                + VectorQuantizers.all().stream()
                    .map(VectorQuantizer::name)
                    .collect(Collectors.joining(", ")));
      }
    }
    return VectorQuantizers.all().stream()
        .map(VectorQuantizer::name)
        .filter(names::contains)
        .toList();
  }

  private CommandLine.ParameterException usage(String message) {
    return new CommandLine.ParameterException(spec.commandLine(), message);
  }
}
