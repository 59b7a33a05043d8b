package dev.sluice.transforms.comparison;

import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.channel.vector.VectorQuantizers;
import dev.sluice.transforms.comparison.LatticeChannel.Clip;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** The channels that are compared, by name. */
public final class ComparedChannels {
  /** What is beside all of them. */
  public static final ComparedChannel NOTHING = new NothingSent();

  private static final List<ComparedChannel> CHANNELS =
      List.of(
          new ReferenceChannel(),
          new LatticeChannel(
              "dither",
              "centred, clipped at each probe's reach, dithered on an exact lattice within the"
                  + " budget; fractional bits",
              Quantizer.DITHER,
              Clip.PROBE),
          new LatticeChannel(
              "dither-centred",
              "the papers' channel after centring, clipped at each node's reach: one step of 2L/M,"
                  + " M + 1 symbols",
              Quantizer.DITHER_PAPER,
              Clip.NODE),
          new LatticeChannel(
              "dither-paper",
              "the papers' channel, clipped at 40 as published: one step of 80/M, M + 1 symbols",
              Quantizer.DITHER_PAPER,
              Clip.PUBLISHED),
          new LatticeChannel(
              "midrise",
              "centred, clipped at each probe's reach, rounded without dither",
              Quantizer.MIDRISE,
              Clip.PROBE),
          new TopKChannel("top-k-reference", Tail.REFERENCE),
          new TopKChannel("top-k-even", Tail.EVEN),
          new DistillKitChannel());

  private static final List<ComparedChannel> ALL = withVectors();

  private ComparedChannels() {}

  /** A code for vectors that a channel of the same name is made of is that channel. */
  private static List<ComparedChannel> withVectors() {
    List<ComparedChannel> all = new ArrayList<>(CHANNELS);
    Set<String> names = CHANNELS.stream().map(ComparedChannel::name).collect(Collectors.toSet());
    VectorQuantizers.all().stream()
        .filter(quantizer -> !names.contains(quantizer.name()))
        .forEach(quantizer -> all.add(new VectorChannel(quantizer)));
    return List.copyOf(all);
  }

  /** All of them, in the order of tables. */
  public static List<ComparedChannel> all() {
    return ALL;
  }

  /** The channel of a name. */
  public static Optional<ComparedChannel> find(String name) {
    return ALL.stream().filter(channel -> channel.name().equals(name)).findFirst();
  }

  /** Where it stands in tables. */
  static int index(String name) {
    return ALL.stream().map(ComparedChannel::name).toList().indexOf(name);
  }
}
