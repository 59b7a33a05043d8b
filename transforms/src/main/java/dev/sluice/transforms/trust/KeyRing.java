package dev.sluice.transforms.trust;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The keys of one node in one round. Immutable and thread-safe.
 *
 * @param valid those whose signatures count
 * @param revoked those whose signatures counted until they were taken back
 */
public record KeyRing(List<VerifyingKey> valid, List<VerifyingKey> revoked)
    implements Serializable {
  public KeyRing {
    valid = List.copyOf(valid);
    revoked = List.copyOf(revoked);
  }

  /** The key that signed a message, revoked or not; empty where it is none of them. */
  public Optional<VerifyingKey> signer(byte[] message, byte[] signature) {
    return Stream.concat(valid.stream(), revoked.stream())
        .filter(key -> key.verifies(message, signature))
        .findFirst();
  }
}
