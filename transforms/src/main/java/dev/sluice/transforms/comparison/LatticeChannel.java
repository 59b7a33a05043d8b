package dev.sluice.transforms.comparison;

import dev.sluice.schemas.BlockLayout;
import dev.sluice.schemas.ClipPolicy;
import dev.sluice.schemas.CodeBlock;
import dev.sluice.transforms.channel.BadCodesException;
import dev.sluice.transforms.channel.BadLogitException;
import dev.sluice.transforms.channel.BlockDecoder;
import dev.sluice.transforms.channel.BlockShape;
import dev.sluice.transforms.channel.Centring;
import dev.sluice.transforms.channel.Quantizer;
import dev.sluice.transforms.channel.StepLaw;
import dev.sluice.transforms.round.PlanDraft;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.theory.KlBounds;
import dev.sluice.transforms.uplink.BlockSeal;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The channel of a round: every coordinate on one lattice. THEORY 2, FORMAT 3 and 4. Plans, blocks
 * and their bytes are those of a round of so many bits.
 */
final class LatticeChannel implements ComparedChannel {
  /** How far the lattice reaches. */
  enum Clip {
    /** The papers' level for GPT-2. THEORY 8.4. */
    PUBLISHED("fixed"),
    /** Each node's own largest centred magnitude. */
    NODE("auto"),
    /** Each probe's, in 16 bits of its budget. */
    PROBE("probe");

    private final String policy;

    Clip(String policy) {
      this.policy = policy;
    }
  }

  private static final double PUBLISHED_CLIP = 40;
  private static final int CLIP_BITS = 16;

  private final String name;
  private final String what;
  private final Quantizer quantizer;
  private final Clip clip;

  LatticeChannel(String name, String what, Quantizer quantizer, Clip clip) {
    this.name = name;
    this.what = what;
    this.quantizer = quantizer;
    this.clip = clip;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public String what() {
    return what;
  }

  @Override
  public boolean isUnbiased() {
    return quantizer.isDithered();
  }

  @Override
  public boolean hasErrorLaw() {
    return quantizer.isDithered();
  }

  @Override
  public Transmission open(int way, ProbeSet probes, long bitsPerProbe)
      throws TooFewBitsException, IOException {
    BlockLayout layout = plan(probes, PlannedRound.MAX_BITS).plan().getLayout();
    UplinkBudget budget =
        new UplinkBudget(
            probes, layout.getProbesPerBlock(), layout.getBlocksPerShard(), bitsPerProbe);
    return new Sending(probes, budget, layout, plan(probes, bitsPerCoordinate(probes, budget)));
  }

  private PlannedRound plan(ProbeSet probes, double bitsPerCoordinate) throws IOException {
    ClipPolicy policy =
        clip == Clip.PUBLISHED
            ? PlanDraft.fixedClips(List.of(PUBLISHED_CLIP))
            : new ClipPolicy(clip.policy, null, null);
    return new PlanDraft(ProbeSet.ROUND, probes.probes(), probes.vocabulary())
        .withSeed(probes.seed())
        .withQuantizer(quantizer.label())
        .withClip(policy)
        .withNodes(probes.names(), bitsPerCoordinate, Map.of())
        .finish(name);
  }

  /** The most that the plan may give a coordinate so that the files are within the budget. */
  private double bitsPerCoordinate(ProbeSet probes, UplinkBudget budget)
      throws TooFewBitsException {
    long vocabulary = probes.vocabulary();
    long bits = budget.codesBitsPerProbe();
    if (quantizer == Quantizer.DITHER_PAPER) {
      int fits = 1;
      int beyond = BlockShape.MAX_SYMBOLS;
      while (beyond - fits > 1) {
        int middle = (fits + beyond) >>> 1;
        if (publishedBytes(middle, probes, budget) <= budget.codesBytes()) {
          fits = middle;
        } else {
          beyond = middle;
        }
      }
      if (fits == 1) {
        throw tooFew(bits, "3 symbols", Math.ceil(vocabulary * log2(3)));
      }
      return log2(fits);
    }
    long least = vocabulary + (clip == Clip.PROBE ? CLIP_BITS : 0);
    if (bits < least) {
      throw tooFew(bits, "2 symbols", least);
    }
    return Math.min((double) bits / vocabulary, PlannedRound.MAX_BITS);
  }

  private TooFewBitsException tooFew(long bits, String symbols, double least) {
    return new TooFewBitsException(
        symbols
            + " a coordinate take "
            + (long) least
            + " bits a probe, and headers leave "
            + bits
            + " for codes");
  }

  /** Bytes of a node's codes where a coordinate has {@code levels + 1} symbols. */
  private long publishedBytes(int levels, ProbeSet probes, UplinkBudget budget) {
    long bytes = 0;
    for (int block = 0; block < budget.blocks(); block++) {
      bytes +=
          BlockShape.of(
                  quantizer,
                  clip == Clip.PROBE,
                  probes.vocabulary(),
                  budget.probesIn(block),
                  log2(levels),
                  0)
              .payloadBytes();
    }
    return bytes;
  }

  private static double log2(int levels) {
    return StrictMath.log(levels) / StrictMath.log(2);
  }

  private final class Sending implements Transmission {
    private final ProbeSet probes;
    private final UplinkBudget budget;
    private final PlannedRound round;
    private final List<CountedUplink> uplinks = new ArrayList<>();
    private final List<StepLaw> laws = new ArrayList<>();
    private final double[][] clips;
    private final double[] magnitudes;
    private int block;
    private long clipped;

    Sending(ProbeSet probes, UplinkBudget budget, BlockLayout layout, PlannedRound round) {
      this.probes = probes;
      this.budget = budget;
      this.round = round;
      this.clips = new double[probes.nodes()][layout.getProbesPerBlock()];
      this.magnitudes = new double[layout.getProbesPerBlock()];
      probes
          .names()
          .forEach(name -> uplinks.add(new CountedUplink(name, layout.getBlocksPerShard())));
    }

    @Override
    public int probesPerBlock() {
      return round.plan().getLayout().getProbesPerBlock();
    }

    @Override
    public String setting() {
      BlockShape shape = round.shape(0, 0);
      return quantizer == Quantizer.DITHER_PAPER
          ? shape.symbols() + " symbols"
          : round.nodes().get(0).getBitsPerProbe()
              + " bits of codes, "
              + shape.symbols()
              + (shape.finer() == 0 ? "" : " and " + (shape.symbols() + 1))
              + " symbols";
    }

    @Override
    public void begin(int block, int count, double[] reference) {
      this.block = block;
      laws.clear();
    }

    @Override
    public void send(int node, double[] logits, double[] decoded) throws IOException {
      int count = budget.probesIn(block);
      try {
        Centring.centre(logits, count, probes.vocabulary(), Centring.Masking.FORBIDDEN, magnitudes);
      } catch (BadLogitException e) {
        throw new IllegalArgumentException("node " + node + ", block " + block, e);
      }
      for (int probe = 0; probe < count; probe++) {
        clips[node][probe] =
            switch (clip) {
              case PUBLISHED -> PUBLISHED_CLIP;
              case NODE -> Math.max(Centring.MIN_CLIP, probes.magnitudes().get(node));
              case PROBE -> Centring.clipOf(Centring.clipUp(magnitudes[probe]));
            };
      }
      CodeBlock sealed = new BlockSeal(round, node).seal(block, logits, clips[node]);
      uplinks.get(node).append(sealed);
      clipped += sealed.getHeader().getClipped();
      BlockShape shape = round.shape(node, block);
      laws.add(shape.law());
      try {
        BlockDecoder.decode(
            shape,
            quantizer,
            round.key(node),
            block,
            budget.firstProbe(block),
            sealed.getHeader().getClip(),
            sealed.getCodes().array(),
            decoded,
            clips[node]);
      } catch (BadCodesException e) {
        throw new IllegalStateException("codes of block " + block + " do not decode", e);
      }
    }

    @Override
    public OptionalDouble end(float[] teacher) {
      if (!quantizer.isDithered() || clipped > 0) {
        return OptionalDouble.empty();
      }
      double upper = 0;
      for (int probe = 0; probe < budget.probesIn(block); probe++) {
        int at = probe;
        double[] levels = Arrays.stream(clips).mapToDouble(node -> node[at]).toArray();
        upper += KlBounds.upper(laws, levels);
      }
      return OptionalDouble.of(upper);
    }

    @Override
    public long bytes() throws IOException {
      long bytes = 0;
      for (CountedUplink uplink : uplinks) {
        bytes += uplink.bytes();
      }
      return bytes;
    }

    @Override
    public long overheadBytes() throws IOException {
      return bytes() - uplinks.stream().mapToLong(CountedUplink::codesBytes).sum();
    }

    @Override
    public long clipped() {
      return clipped;
    }
  }
}
