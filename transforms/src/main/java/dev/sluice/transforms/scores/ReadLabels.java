package dev.sluice.transforms.scores;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ScoreReject;
import dev.sluice.schemas.SwarmPart;
import dev.sluice.schemas.SwarmParts;
import dev.sluice.schemas.TrueAnswer;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/** What the nodes of a swarm know of the truth: {@code labels/<node>/labels-*.avro}. */
@AutoValue
public abstract class ReadLabels extends PTransform<PBegin, PCollectionTuple> {
  /** By bucket of queries. */
  public static final TupleTag<KV<Integer, SwarmParts>> ANSWERS = new TupleTag<>() {};

  /** What else was there. */
  public static final TupleTag<ScoreReject> REJECTED = new TupleTag<>() {};

  abstract SwarmChannel swarm();

  abstract List<Integer> owners();

  /**
   * Reads what the nodes of a swarm have put beside their scores.
   *
   * @param owners indices of the nodes whose labels to read
   */
  public static ReadLabels of(SwarmChannel swarm, List<Integer> owners) {
    return new AutoValue_ReadLabels(swarm, owners);
  }

  @Override
  public PCollectionTuple expand(PBegin begin) {
    PCollectionTuple read =
        begin
            .apply("Owners", Create.of(owners()).withCoder(VarIntCoder.of()))
            .apply("Spread", Reshuffle.viaRandomKey())
            .apply("ListFiles", ParDo.of(new ListFn(swarm())))
            .setCoder(KvCoder.of(VarIntCoder.of(), StringUtf8Coder.of()))
            .apply("SpreadFiles", Reshuffle.viaRandomKey())
            .apply(
                "ReadAnswers",
                ParDo.of(new ReadFn(swarm())).withOutputTags(ANSWERS, TupleTagList.of(REJECTED)));
    read.get(ANSWERS).setCoder(KvCoder.of(VarIntCoder.of(), AvroCoder.of(SwarmParts.class)));
    read.get(REJECTED).setCoder(AvroCoder.of(ScoreReject.class));
    return read;
  }

  private static class ListFn extends DoFn<Integer, KV<Integer, String>> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;

    ListFn(SwarmChannel swarm) {
      this.swarm = swarm;
    }

    @ProcessElement
    public void list(@Element Integer node, OutputReceiver<KV<Integer, String>> out)
        throws IOException {
      String labels = swarm.directory().labels(swarm.nodes().get(node).name());
      for (MatchResult.Metadata file : Storage.match(labels + "/labels-*.avro")) {
        out.output(KV.of(node, file.resourceId().toString()));
      }
    }
  }

  private static class ReadFn extends DoFn<KV<Integer, String>, KV<Integer, SwarmParts>> {
    private static final long serialVersionUID = 1L;
    private final SwarmChannel swarm;
    private transient Map<String, Integer> indices;

    ReadFn(SwarmChannel swarm) {
      this.swarm = swarm;
    }

    @Setup
    public void index() {
      indices = new HashMap<>();
      swarm.candidates().forEach(candidate -> indices.put(candidate, indices.size()));
    }

    @ProcessElement
    public void read(@Element KV<Integer, String> file, MultiOutputReceiver out)
        throws IOException {
      int node = file.getKey();
      String name = swarm.nodes().get(node).name();
      PartBuckets parts = new PartBuckets(PartBuckets.of(swarm), out.get(ANSWERS)::output);
      new ScoreFiles(name, file.getValue(), out.get(REJECTED)::output)
          .read(
              TrueAnswer.getClassSchema(),
              NodeChannel.MAX_QUERIES,
              in -> {
                TrueAnswer answer = in.answer();
                Integer index = indices.get(answer.getAnswer());
                if (index == null) {
                  out.get(REJECTED)
                      .output(
                          new ScoreReject(
                              name,
                              answer.getQuery(),
                              ScoreReason.UNKNOWN_ANSWER.label(),
                              "the true answer '"
                                  + answer.getAnswer()
                                  + "' is none of the candidates",
                              null));
                } else {
                  parts.add(
                      SwarmPart.newBuilder()
                          .setQuery(answer.getQuery())
                          .setNode(node)
                          .setAnswer(index)
                          .build());
                }
              });
      parts.flush();
    }
  }
}
