package dev.sluice.transforms.aggregation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.BlockClaim;
import dev.sluice.schemas.NodeShare;
import dev.sluice.schemas.RejectedRecord;
import dev.sluice.schemas.RememberedShard;
import dev.sluice.schemas.ShardAccount;
import dev.sluice.schemas.TeacherBlock;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.RangeReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * The teacher: for every block, the plan's average over the nodes that sent it. Claims are grouped
 * by shard, a run of consecutive blocks; the codes themselves never cross the runner, but are read
 * by the step that adds them, one block and one accumulator in memory whatever K. The sums are
 * exact, so the teacher does not depend on order, parallelism or runner. FORMAT.md 5.
 *
 * <p>With {@link #into} the teacher is written aside as files and {@link #ACCOUNTS} say where;
 * without, its blocks are the elements of {@link #TEACHER}.
 */
@AutoValue
public abstract class KFoldAverage extends PTransform<PCollection<BlockClaim>, PCollectionTuple> {
  /** Averaged blocks; empty where the teacher goes into files. */
  public static final TupleTag<TeacherBlock> TEACHER = new TupleTag<>() {};

  /** One account for each shard of the plan, also for those nobody sent a block of. */
  public static final TupleTag<ShardAccount> ACCOUNTS = new TupleTag<>() {};

  /** Claims that contradict each other, or whose codes are no codes. */
  public static final TupleTag<RejectedRecord> REJECTED = new TupleTag<>() {};

  abstract PlannedRound round();

  abstract int minNodes();

  abstract Optional<String> directory();

  abstract Optional<RoundDirectory> before();

  abstract Optional<RoundDirectory> references();

  abstract Builder toBuilder();

  @AutoValue.Builder
  abstract static class Builder {
    abstract Builder setRound(PlannedRound round);

    abstract Builder setMinNodes(int minNodes);

    abstract Builder setDirectory(String directory);

    abstract Builder setBefore(RoundDirectory before);

    abstract Builder setReferences(RoundDirectory directory);

    abstract KFoldAverage build();
  }

  /** The average of a round, over all nodes that have bits in it. */
  public static KFoldAverage of(PlannedRound round) {
    return new AutoValue_KFoldAverage.Builder()
        .setRound(round)
        .setMinNodes(round.speakingNodes())
        .build();
  }

  /**
   * Fewest nodes over which a block is averaged, {@link PlannedRound#leastMinNodes} .. nodes with
   * bits; with fewer it is short.
   */
  public KFoldAverage withMinNodes(int minNodes) {
    if (minNodes < round().leastMinNodes() || minNodes > round().speakingNodes()) {
      throw new IllegalArgumentException(
          "minNodes must be in ["
              + round().leastMinNodes()
              + ", "
              + round().speakingNodes()
              + "], got "
              + minNodes);
    }
    return toBuilder().setMinNodes(minNodes).build();
  }

  /** Where the references of the plan lie; needed in the reference channel. */
  public KFoldAverage withReferences(RoundDirectory directory) {
    return toBuilder().setReferences(directory).build();
  }

  /** Writes the teacher as files below a directory. */
  public KFoldAverage into(String directory) {
    return toBuilder().setDirectory(directory).build();
  }

  /**
   * Remembers below the directory what each shard came to, and averages no shard again whose claims
   * are those of an earlier version of the round: its files are linked. For a round that refines
   * nothing, and with {@link #into}.
   *
   * @param before the round with the earlier version's outputs, which need not be there
   */
  public KFoldAverage remembering(RoundDirectory before) {
    return toBuilder().setBefore(before).build();
  }

  @Override
  public PCollectionTuple expand(PCollection<BlockClaim> claims) {
    if (before().isPresent() && (directory().isEmpty() || !round().refined().isEmpty())) {
      throw new IllegalArgumentException(
          "shards are remembered as files, of a round that refines nothing; got directory "
              + directory()
              + " and "
              + round().refined().size()
              + " refined rounds");
    }
    KvCoder<Integer, BlockClaim> keyed =
        KvCoder.of(VarIntCoder.of(), NullableCoder.of(AvroCoder.of(BlockClaim.class)));
    PCollection<KV<Integer, BlockClaim>> sent =
        claims.apply("KeyByShard", ParDo.of(new KeyByShardFn(round()))).setCoder(keyed);
    // A shard that nobody sent is still a shard that must be accounted for.
    PCollection<KV<Integer, BlockClaim>> due =
        claims
            .getPipeline()
            .apply("DueShards", Create.of(round().shards()).withCoder(VarIntCoder.of()))
            .apply("ListShards", ParDo.of(new ListShardsFn()))
            .setCoder(keyed);
    PCollectionTuple averaged =
        PCollectionList.of(sent)
            .and(due)
            .apply("SentAndDue", Flatten.pCollections())
            .apply("GroupByShard", GroupByKey.create())
            .apply(
                "AverageNodes",
                ParDo.of(new AverageFn(this))
                    .withOutputTags(ACCOUNTS, TupleTagList.of(TEACHER).and(REJECTED)));
    averaged.get(ACCOUNTS).setCoder(AvroCoder.of(ShardAccount.class));
    averaged.get(TEACHER).setCoder(AvroCoder.of(TeacherBlock.class));
    averaged.get(REJECTED).setCoder(AvroCoder.of(RejectedRecord.class));
    return averaged;
  }

  private static class KeyByShardFn extends DoFn<BlockClaim, KV<Integer, BlockClaim>> {
    private static final long serialVersionUID = 1L;
    private final PlannedRound round;

    KeyByShardFn(PlannedRound round) {
      this.round = round;
    }

    @ProcessElement
    public void key(@Element BlockClaim claim, OutputReceiver<KV<Integer, BlockClaim>> out) {
      out.output(KV.of(round.shardOf(claim.getHeader().getBlock()), claim));
    }
  }

  /** Emits every shard's index, with no claim. */
  private static class ListShardsFn extends DoFn<Integer, KV<Integer, BlockClaim>> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void list(@Element Integer shards, OutputReceiver<KV<Integer, BlockClaim>> out) {
      for (int shard = 0; shard < shards; shard++) {
        out.output(KV.of(shard, null));
      }
    }
  }

  private static class AverageFn extends DoFn<KV<Integer, Iterable<BlockClaim>>, ShardAccount> {
    private static final long serialVersionUID = 1L;

    private final Counter probes = Metrics.counter(KFoldAverage.class, "probes");
    private final Counter clipped = Metrics.counter(KFoldAverage.class, "clippedCoordinates");
    private final Counter shortBlocks = Metrics.counter(KFoldAverage.class, "shortBlocks");
    private final Counter recalled = Metrics.counter(KFoldAverage.class, "recalledShards");
    private final PlannedRound round;
    private final int minNodes;
    private final String directory; // null: the teacher's blocks are elements
    private final RoundDirectory before; // null: shards are not remembered
    private final RoundDirectory references; // null but in the reference channel
    private transient ShardMemory memory;
    private transient RangeReader reader;
    private transient ShardAverager averager;

    AverageFn(KFoldAverage average) {
      this.round = average.round();
      this.minNodes = average.minNodes();
      this.directory = average.directory().orElse(null);
      this.before = average.before().orElse(null);
      this.references = average.references().orElse(null);
    }

    @ProcessElement
    public void average(@Element KV<Integer, Iterable<BlockClaim>> shard, MultiOutputReceiver out)
        throws IOException {
      if (averager == null) {
        reader = new RangeReader();
        averager = new ShardAverager(round, minNodes, reader, references);
      }
      List<BlockClaim> claims = new ArrayList<>();
      for (BlockClaim claim : shard.getValue()) {
        if (claim != null) {
          claims.add(claim);
        }
      }
      Consumer<RejectedRecord> rejects =
          reject -> {
            Metrics.counter("rejects", reject.getReason()).inc();
            out.get(REJECTED).output(reject);
          };
      ShardAccount account =
          before == null
              ? averaged(shard.getKey(), claims, out, rejects)
              : remembered(shard.getKey(), claims, out, rejects);
      for (NodeShare share : account.getNodes()) {
        probes.inc(share.getProbes());
        clipped.inc(share.getClipped());
      }
      shortBlocks.inc(account.getShortBlocks());
      out.get(ACCOUNTS).output(account);
    }

    private ShardAccount averaged(
        int shard,
        List<BlockClaim> claims,
        MultiOutputReceiver out,
        Consumer<RejectedRecord> rejects)
        throws IOException {
      TeacherSink sink =
          directory == null
              ? new Elements(out.get(TEACHER))
              : new TeacherFiles(round, shard, directory);
      return averager.average(shard, claims, sink, rejects);
    }

    private ShardAccount remembered(
        int shard,
        List<BlockClaim> claims,
        MultiOutputReceiver out,
        Consumer<RejectedRecord> rejects)
        throws IOException {
      if (memory == null) {
        memory = new ShardMemory(before);
      }
      String key = ShardMemory.key(round, shard, minNodes, claims);
      Optional<RememberedShard> known = memory.recall(shard, key, directory);
      if (known.isPresent()) {
        recalled.inc();
        known.get().getRejects().forEach(rejects);
        return known.get().getAccount();
      }
      List<RejectedRecord> refused = new ArrayList<>();
      ShardAccount account = averaged(shard, claims, out, rejects.andThen(refused::add));
      if (account.getShortBlocks() == 0) {
        account.setClaims(key);
        ShardMemory.write(account, refused, directory);
      }
      return account;
    }

    @FinishBundle
    public void closeFiles() throws IOException {
      if (reader != null) {
        reader.close();
        averager.close();
      }
    }

    /** A bundle that fails is never finished. */
    @Teardown
    public void closeFilesAtLast() throws IOException {
      closeFiles();
    }
  }

  /** Emits blocks as elements, whatever became of others. */
  private record Elements(DoFn.OutputReceiver<TeacherBlock> out) implements TeacherSink {
    @Override
    public void write(TeacherBlock block, float[] logits) {
      ByteBuffer bytes = block.getLogits();
      ByteBuffer copy = ByteBuffer.allocate(bytes.remaining()).put(bytes.duplicate()).flip();
      out.output(TeacherBlock.newBuilder(block).setLogits(copy).build());
    }

    @Override
    public void skip() {}

    @Override
    public void finish(ShardAccount account) {}

    @Override
    public void abandon() {}
  }
}
