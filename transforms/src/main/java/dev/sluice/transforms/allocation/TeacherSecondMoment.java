package dev.sluice.transforms.allocation;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.aggregation.CommittedTeacher;
import dev.sluice.transforms.round.CommittedRound;
import java.io.IOException;
import org.apache.beam.sdk.coders.SerializableCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/**
 * The raw second moment of a committed round's teacher: from indices of shards to one sum over each
 * shard's probes. Nothing is subtracted, for the variance of the teacher's error is that of an
 * average, and in the certificate.
 */
@AutoValue
public abstract class TeacherSecondMoment
    extends PTransform<PCollection<Integer>, PCollection<SecondMoments>> {
  abstract CommittedRound committed();

  /** The second moment of a round's teacher. */
  public static TeacherSecondMoment of(CommittedRound committed) {
    return new AutoValue_TeacherSecondMoment(committed);
  }

  @Override
  public PCollection<SecondMoments> expand(PCollection<Integer> shards) {
    return shards
        .apply("AddRows", ParDo.of(new AddRowsFn(committed())))
        .setCoder(SerializableCoder.of(SecondMoments.class));
  }

  private static class AddRowsFn extends DoFn<Integer, SecondMoments> {
    private static final long serialVersionUID = 1L;
    private final CommittedRound committed;

    AddRowsFn(CommittedRound committed) {
      this.committed = committed;
    }

    @ProcessElement
    public void add(@Element Integer shard, OutputReceiver<SecondMoments> out) throws IOException {
      SecondMoments sums = new SecondMoments();
      try (NpyRows rows =
          CommittedTeacher.open(committed.directory(), committed.manifest(), shard)) {
        double[] row = new double[rows.columns()];
        for (long probe = 0; probe < rows.rows(); probe++) {
          rows.read(probe, probe + 1, row, 0);
          sums.add(row, 0, row.length, 0, 0, 0);
        }
      }
      out.output(sums);
    }
  }
}
