package dev.sluice.runners;

import dev.sluice.pipelines.ExportTeacher;
import dev.sluice.runners.RunnerChoice.Engine;
import dev.sluice.schemas.Export;
import dev.sluice.schemas.ExportFile;
import dev.sluice.schemas.json.PlainJson;
import dev.sluice.transforms.export.ExportFormat;
import dev.sluice.transforms.export.TeacherExport;
import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.CommittedRound;
import dev.sluice.transforms.round.RoundDirectory;
import dev.sluice.transforms.storage.Storage;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sluice export}. */
@Command(
    name = "export",
    description = {
      "Write a committed round's teacher for a student that is trained elsewhere, one file for each"
          + " of its shards.",
      "",
      "npy: log-probabilities, float32, m x V. parquet: of each probe the likeliest tokens (ids,"
          + " logprobs, tail_mass). safetensors: the logits, float32, m x V. Shards are held"
          + " against manifest.json first; export.json is written last."
    },
    footer = {"", "Example:", "  sluice export --round rounds/r1 --format parquet --top-k 64"})
final class ExportCommand extends SluiceCommand {
  private static final int DEFAULT_TOP_K = 64;

  @Option(names = "--round", required = true, paramLabel = "DIR", description = "Round directory.")
  private String round;

  @Option(
      names = "--format",
      required = true,
      paramLabel = "npy|parquet|safetensors",
      description = "What to write.")
  private String format;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description =
          "With parquet: tokens kept of each probe; all where there are fewer. Default: "
              + DEFAULT_TOP_K
              + ".")
  private Integer topK;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description =
          "Where to write; an earlier export there is replaced, and nothing else. Default:"
              + " export/<format> in the round directory.")
  private String directory;

  @Mixin private RunnerOptions runner;

  @Override
  public Integer call() throws IOException {
    ExportFormat kind;
    try {
      kind = ExportFormat.of(format);
    } catch (IllegalArgumentException e) {
      throw usage("--format: " + e.getMessage());
    }
    if (topK != null && kind != ExportFormat.PARQUET) {
      throw usage("--top-k has no meaning with --format " + format);
    }
    if (topK != null && topK < 1) {
      throw usage("--top-k must be at least 1, got " + topK);
    }
    RunnerChoice asked = runner.choice();
    // Elements are whole shards, so that the direct runner's price per element does not matter.
    RunnerChoice choice =
        asked.engine() == Engine.AUTO
            ? RunnerChoice.direct().withParallelism(asked.parallelism())
            : asked;
    RoundDirectory from = Locations.round(round);
    CommittedRound committed = CommittedRound.read(RoundRunner.plan(from), from);
    String to =
        directory == null
            ? from.outputs() + "/export/" + kind.label()
            : Locations.output(directory);
    if (to.equals(from.root())
        || (to.startsWith(from.root() + "/")
            && !to.startsWith(from.root() + "/export/")
            && !to.startsWith(from.outputs() + "/export/"))) {
      throw new BadInputException(
          to
              + ": within the round, where its own files are; expected "
              + from.outputs()
              + "/export/"
              + kind.label()
              + ", or a directory outside");
    }
    TeacherExport export =
        new TeacherExport(
            committed, kind, topK == null ? DEFAULT_TOP_K : topK, to, UUID.randomUUID().toString());
    export.checkDirectory();
    double bytesPerProbe = 4.0 * committed.round().vocabulary();
    Export done =
        new Attempt("export", to, List.of(export.aside()))
            .run(
                choice,
                progress(),
                new Attempt.Work(committed.round().plan().getProbes(), "probes", bytesPerProbe),
                pipeline -> ExportTeacher.build(pipeline, export),
                () -> read(export));
    long bytes = done.getFiles().stream().mapToLong(ExportFile::getBytes).sum();
    out()
        .println(
            "exported "
                + Texts.count(done.getProbes(), "probe")
                + " as "
                + done.getHolds()
                + (done.getTopK() == null ? "" : ", k = " + done.getTopK())
                + ": "
                + Texts.count(done.getFiles().size(), "file")
                + ", "
                + Texts.bytes(bytes)
                + ", in "
                + to);
    return ExitCodes.OK;
  }

  private static Export read(TeacherExport export) throws IOException {
    try {
      return PlainJson.read(
          Export.class,
          Export.getClassSchema(),
          Storage.read(export.document(), PlainJson.MAX_BYTES),
          export.document());
    } catch (FileNotFoundException e) {
      throw new IOException(
          export.directory()
              + ": the runner ended without an export (out of memory? a larger heap:"
              + " SLUICE_JAVA_OPTS=-Xmx2g); run it again",
          e);
    }
  }
}
