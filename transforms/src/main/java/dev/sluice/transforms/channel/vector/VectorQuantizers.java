package dev.sluice.transforms.channel.vector;

import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.channel.format.FloatFormat;
import java.util.List;
import java.util.Optional;

/** The codes for vectors, by name. */
public final class VectorQuantizers {
  private static final String OFP8 = "OCP 8-bit Floating Point Specification (OFP8) 1.0, 2023";
  private static final String MX = "OCP Microscaling Formats (MX) Specification 1.0, 2023";

  /** A family that is drawn together; at most seven, so that lines can be told apart. */
  private record Family(String name, List<VectorQuantizer> members) {}

  private static final List<Family> FAMILIES =
      List.of(
          new Family(
              "rotated, unbiased",
              List.of(
                  EdenQuantizer.DRIVE,
                  EdenQuantizer.EDEN,
                  QuicFlCode.FAMILY,
                  TurboQuantProdCode.DENSE,
                  TurboQuantProdCode.HADAMARD)),
          new Family(
              "rotated, least squares",
              List.of(
                  EdenQuantizer.EDEN_BIASED,
                  TurboQuantMseCode.FAMILY,
                  FibQuant.best(),
                  FibQuant.ofBlock(2),
                  FibQuant.ofBlock(3),
                  FibQuant.ofBlock(4),
                  FibQuant.ofBlock(8))),
          new Family(
              "lattices and baselines",
              List.of(
                  LatticeCode.quantizer(Quantizer.DITHER),
                  LatticeCode.quantizer(Quantizer.DITHER_PAPER),
                  LatticeCode.quantizer(Quantizer.MIDRISE),
                  StochasticCode.QUANTIZER,
                  QsgdCode.QUANTIZER,
                  SparseCode.TOP,
                  SparseCode.RANDOM)),
          new Family(
              "integers",
              List.of(
                  UniformCode.quantizer("statqat", UniformCode.Fit.ITERATIVE),
                  UniformCode.quantizer("statqat-gaussian", UniformCode.Fit.GAUSSIAN),
                  IntegerCode.INT4_PLAIN,
                  IntegerCode.INT4_HADAMARD,
                  IntegerCode.INT_HADAMARD)),
          new Family(
              "floats of six and eight bits",
              List.of(
                  FloatCode.quantizer("fp8-e4m3", FloatFormat.E4M3, OFP8),
                  FloatCode.quantizer("fp8-e5m2", FloatFormat.E5M2, OFP8),
                  FloatCode.quantizer("fp6-e3m2", FloatFormat.E3M2, MX),
                  FloatCode.quantizer("fp6-e2m3", FloatFormat.E2M3, MX))),
          new Family(
              "floats of four bits",
              List.of(
                  FloatCode.quantizer("fp4-e2m1", FloatFormat.E2M1, MX),
                  MxFp4Code.QUANTIZER,
                  NvFp4Code.QUANTIZER,
                  FloatCode.statQat("statqat-e2m1", FloatCode.Scale.ITERATIVE),
                  FloatCode.statQat("statqat-e2m1-gaussian", FloatCode.Scale.GAUSSIAN))));

  private static final List<VectorQuantizer> ALL =
      FAMILIES.stream().flatMap(family -> family.members().stream()).toList();

  private VectorQuantizers() {}

  /** All of them, in the order of tables. */
  public static List<VectorQuantizer> all() {
    return ALL;
  }

  /** The one of a name. */
  public static Optional<VectorQuantizer> find(String name) {
    return ALL.stream().filter(quantizer -> quantizer.name().equals(name)).findFirst();
  }

  /** Which others it is drawn with. */
  public static String family(VectorQuantizer quantizer) {
    return FAMILIES.stream()
        .filter(family -> family.members().contains(quantizer))
        .findFirst()
        .orElseThrow()
        .name();
  }

  /** Where it stands in tables. */
  public static int index(String name) {
    return ALL.stream().map(VectorQuantizer::name).toList().indexOf(name);
  }
}
