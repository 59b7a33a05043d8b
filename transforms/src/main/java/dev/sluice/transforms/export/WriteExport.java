package dev.sluice.transforms.export;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.ExportFile;
import dev.sluice.schemas.TeacherShard;
import dev.sluice.schemas.npy.NpyRows;
import dev.sluice.transforms.aggregation.CommittedTeacher;
import dev.sluice.transforms.storage.DigestingChannel;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.UUID;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.extensions.avro.coders.AvroCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Indices of teacher shards to files written aside, each by its path there. A shard's rows are read
 * one by one, once it is known to be what the manifest names.
 */
@AutoValue
public abstract class WriteExport
    extends PTransform<PCollection<Integer>, PCollection<KV<String, ExportFile>>> {
  abstract TeacherExport export();

  /** Writes the shards of an export. */
  public static WriteExport of(TeacherExport export) {
    return new AutoValue_WriteExport(export);
  }

  @Override
  public PCollection<KV<String, ExportFile>> expand(PCollection<Integer> shards) {
    return shards
        .apply("WriteShard", ParDo.of(new WriteFn(export())))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), AvroCoder.of(ExportFile.class)));
  }

  private static class WriteFn extends DoFn<Integer, KV<String, ExportFile>> {
    private static final long serialVersionUID = 1L;
    private final TeacherExport export;

    WriteFn(TeacherExport export) {
      this.export = export;
    }

    @ProcessElement
    public void write(@Element Integer shard, OutputReceiver<KV<String, ExportFile>> out)
        throws IOException {
      TeacherShard teacher = export.committed().manifest().getTeacher().get(shard);
      // A retried shard writes the same bytes under another name.
      String aside = export.aside() + "/" + export.file(shard) + "." + UUID.randomUUID();
      try (NpyRows rows =
          CommittedTeacher.open(
              export.committed().directory(), export.committed().manifest(), shard)) {
        DigestingChannel channel = new DigestingChannel(Storage.create(aside));
        try (channel;
            RowSink sink = sink(channel, aside, teacher)) {
          double[] row = new double[rows.columns()];
          for (long probe = 0; probe < rows.rows(); probe++) {
            rows.read(probe, probe + 1, row, 0);
            sink.write(row);
          }
        }
        out.output(
            KV.of(
                aside,
                new ExportFile(
                    export.file(shard),
                    channel.sha256(),
                    channel.bytes(),
                    teacher.getFirstProbe(),
                    teacher.getProbes())));
      }
    }

    private RowSink sink(DigestingChannel channel, String name, TeacherShard teacher)
        throws IOException {
      int vocabulary = export.committed().round().vocabulary();
      return switch (export.format()) {
        case NPY -> new NpyLogProbabilities(channel, name, teacher.getProbes(), vocabulary);
        case PARQUET ->
            new ParquetTopTokens(
                channel,
                name,
                teacher.getFirstProbe(),
                vocabulary,
                export.kept(),
                export.metadata());
        case SAFETENSORS ->
            new SafetensorsLogits(
                channel, name, teacher.getProbes(), vocabulary, export.metadata());
      };
    }
  }
}
