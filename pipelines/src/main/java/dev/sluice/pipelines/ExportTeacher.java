package dev.sluice.pipelines;

import dev.sluice.transforms.export.CommitExport;
import dev.sluice.transforms.export.TeacherExport;
import dev.sluice.transforms.export.WriteExport;
import java.util.stream.IntStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.Reshuffle;

/**
 * A committed round's teacher for students that are trained elsewhere: each shard is held against
 * the manifest and written aside in the format asked for, then all are moved into place.
 */
public final class ExportTeacher {
  private ExportTeacher() {}

  /** Adds an export to a pipeline. */
  public static void build(Pipeline pipeline, TeacherExport export) {
    int shards = export.committed().round().shards();
    pipeline
        .apply(
            "TeacherShards",
            Create.of(IntStream.range(0, shards).boxed().toList()).withCoder(VarIntCoder.of()))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("WriteExport", WriteExport.of(export))
        .apply("CommitExport", CommitExport.of(export));
  }
}
