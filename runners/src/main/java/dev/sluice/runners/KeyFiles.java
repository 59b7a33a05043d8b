package dev.sluice.runners;

import dev.sluice.transforms.round.BadInputException;
import dev.sluice.transforms.round.PlannedRound;
import dev.sluice.transforms.storage.Storage;
import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.KeyPem;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Keys as files, and directories of them. */
final class KeyFiles {
  /** Ending of a file of public keys. */
  static final String PUBLIC = ".pub";

  /** Ending of a file with a private key. */
  static final String PRIVATE = ".key";

  private KeyFiles() {}

  /** A way to read a key's bytes. */
  private interface Reader<T> {
    T read(byte[] file) throws BadKeyException;
  }

  /** The one public key of a file. */
  static VerifyingKey publicKey(String typed) throws IOException {
    return read(typed, KeyPem::publicKey);
  }

  /** The private key of a file. */
  static SigningKey privateKey(String typed) throws IOException {
    return read(typed, KeyPem::privateKey);
  }

  private static <T> T read(String typed, Reader<T> reader) throws IOException {
    String file = Locations.existing(typed).resourceId().toString();
    try {
      return reader.read(Storage.read(file, KeyPem.MAX_BYTES));
    } catch (BadKeyException e) {
      throw new BadInputException(file + ": " + e.getMessage(), e);
    }
  }

  /**
   * A private key and the public key beside it.
   *
   * @param typed name of the private key's file; the public key's ends in .pub in place of .key
   */
  static Pair pair(String typed) throws IOException {
    SigningKey signing = privateKey(typed);
    String publicFile =
        (typed.endsWith(PRIVATE) ? typed.substring(0, typed.length() - PRIVATE.length()) : typed)
            + PUBLIC;
    VerifyingKey verifying = publicKey(publicFile);
    if (!signing.isOf(verifying)) {
      throw new BadInputException(
          publicFile + ": key " + verifying + " is not the public key of " + typed);
    }
    return new Pair(signing, verifying);
  }

  /** Both keys of one owner. */
  record Pair(SigningKey signing, VerifyingKey verifying) {}

  /**
   * The public keys of nodes, in base64.
   *
   * @param typed directory with NODE.pub of each: one key, or several one after the other
   * @throws IOException if one is missing, or a file cannot be used
   */
  static Map<String, List<String>> registry(String typed, List<String> nodes) throws IOException {
    String directory = Locations.of(typed);
    List<String> missing = new ArrayList<>();
    Map<String, List<String>> keys = new LinkedHashMap<>();
    for (String node : nodes) {
      if (!PlannedRound.isName(node)) {
        continue; // the plan's check says so, and no path is made of it
      }
      String file = directory + "/" + node + PUBLIC;
      if (Storage.find(file).isEmpty()) {
        missing.add(node + PUBLIC);
        continue;
      }
      List<VerifyingKey> found = read(file, KeyPem::publicKeys);
      if (found.size() > PlannedRound.MAX_KEYS) {
        throw new BadInputException(
            file
                + ": found "
                + found.size()
                + " keys, expected 1 to "
                + PlannedRound.MAX_KEYS
                + " of a node");
      }
      keys.put(node, found.stream().map(VerifyingKey::base64).toList());
    }
    if (!missing.isEmpty()) {
      throw new BadInputException(
          directory
              + ": no "
              + SluiceCommand.names(missing)
              + "; expected NODE.pub of every node of the plan, as 'sluice keygen' writes it");
    }
    return keys;
  }
}
