package dev.sluice.transforms.export;

import com.google.auto.value.AutoValue;
import dev.sluice.schemas.Export;
import dev.sluice.schemas.ExportFile;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.storage.Storage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PDone;

/**
 * Moves an export's files into place, takes away those of an earlier one, and writes export.json
 * last. Doing it twice does no harm.
 */
@AutoValue
public abstract class CommitExport extends PTransform<PCollection<KV<String, ExportFile>>, PDone> {
  abstract TeacherExport export();

  /** Commits an export. */
  public static CommitExport of(TeacherExport export) {
    return new AutoValue_CommitExport(export);
  }

  @Override
  public PDone expand(PCollection<KV<String, ExportFile>> files) {
    files
        .apply("OneKey", WithKeys.of(0))
        .apply("Gather", GroupByKey.create())
        .apply("MoveIntoPlace", ParDo.of(new MoveFn(export())));
    return PDone.in(files.getPipeline());
  }

  private static class MoveFn extends DoFn<KV<Integer, Iterable<KV<String, ExportFile>>>, Void> {
    private static final long serialVersionUID = 1L;
    private final TeacherExport export;

    MoveFn(TeacherExport export) {
      this.export = export;
    }

    @ProcessElement
    public void move(@Element KV<Integer, Iterable<KV<String, ExportFile>>> written)
        throws IOException {
      List<KV<String, ExportFile>> files = new ArrayList<>();
      written.getValue().forEach(files::add);
      files.sort(Comparator.comparingLong(file -> file.getValue().getFirstProbe()));
      Storage.deleteIfExists(export.document());
      Set<ResourceId> placed = new HashSet<>();
      for (KV<String, ExportFile> file : files) {
        placed.add(
            Storage.moveOnce(file.getKey(), export.directory() + "/" + file.getValue().getName()));
      }
      for (ExportFormat format : ExportFormat.values()) {
        String others = export.directory() + "/teacher-*." + format.label();
        for (MatchResult.Metadata file : Storage.match(others)) {
          if (!placed.contains(file.resourceId())) {
            Storage.deleteIfExists(file.resourceId().toString());
          }
        }
      }
      Storage.replace(
          export.document(), PlainJson.write(document(files.stream().map(KV::getValue).toList())));
    }

    private Export document(List<ExportFile> files) {
      return Export.newBuilder()
          .setFormat(TeacherExport.FORMAT)
          .setRound(export.committed().round().plan().getId())
          .setPlanDigest(export.committed().round().digestHex())
          .setManifestDigest(export.committed().manifestDigestHex())
          .setKind(export.format().label())
          .setHolds(export.format().holds())
          .setProbes(export.committed().round().plan().getProbes())
          .setVocabulary(export.committed().round().vocabulary())
          .setTopK(export.format() == ExportFormat.PARQUET ? export.kept() : null)
          .setFiles(files)
          .build();
    }
  }
}
