package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.KeyPem;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.UUID;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Keys for signed rounds. */
@Command(
    name = "keygen",
    description = {
      "Make a key pair for a site, or for the hub: NAME.key and NAME.pub.",
      "NAME.key (PKCS #8, PEM, readable by its owner alone) never leaves its machine; NAME.pub (PEM)"
          + " is for everybody. A site gives its own to the hub, and takes the hub's, by a way that"
          + " nobody can tamper with: compare the fingerprint by telephone."
    })
final class KeygenCommand extends SluiceCommand {
  @Option(
      names = "--out",
      required = true,
      paramLabel = "DIR",
      description = "Directory on this machine; created if it is not there.")
  private String out;

  @Option(
      names = "--name",
      required = true,
      paramLabel = "NAME",
      description = "Name of the node as in the plan, or of the hub.")
  private String name;

  @Option(
      names = "--force",
      description =
          "Replace a pair of this name. What only the old key could sign, nobody can then.")
  private boolean force;

  @Override
  public Integer call() throws IOException {
    if (!PlannedRound.isName(name)) {
      throw usage(
          "--name: found '"
              + Texts.printable(name)
              + "', expected 1 to 64 of [A-Za-z0-9._-], beginning with a letter or a digit");
    }
    String directory = Locations.output(out);
    if (!Storage.isLocal(directory)) {
      throw new BadInputException(directory + ": private keys are kept on this machine alone");
    }
    Path there = Files.createDirectories(Path.of(directory));
    Path privateFile = there.resolve(name + KeyFiles.PRIVATE);
    Path publicFile = there.resolve(name + KeyFiles.PUBLIC);
    for (Path file : new Path[] {privateFile, publicFile}) {
      if (Files.exists(file) && !force) {
        throw new BadInputException(
            file + ": is there already; --force replaces it, and nothing brings it back");
      }
    }
    KeyFiles.Pair pair = generate();
    write(
        privateFile,
        KeyPem.of(pair.signing()),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    write(
        publicFile,
        KeyPem.of(pair.verifying()),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r--r--")));
    out().println("key        " + pair.verifying().fingerprint() + ", of " + name);
    out().println("private    " + privateFile);
    out().println("public     " + publicFile);
    return ExitCodes.OK;
  }

  private static KeyFiles.Pair generate() {
    try {
      KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
      return new KeyFiles.Pair(
          SigningKey.ofDer(pair.getPrivate().getEncoded()),
          VerifyingKey.of(Base64.getEncoder().encodeToString(pair.getPublic().getEncoded())));
    } catch (GeneralSecurityException | BadKeyException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Aside first, with its permissions from the start, then moved. */
  private static void write(Path file, byte[] bytes, FileAttribute<?> mode) throws IOException {
    Path aside = file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID());
    try {
      Files.createFile(aside, mode);
      Files.write(aside, bytes);
      Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(aside);
    }
  }
}
