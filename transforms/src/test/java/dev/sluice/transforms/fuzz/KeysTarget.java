package dev.sluice.transforms.fuzz;

import dev.sluice.transforms.trust.BadKeyException;
import dev.sluice.transforms.trust.KeyPem;
import dev.sluice.transforms.trust.SigningKey;
import dev.sluice.transforms.trust.VerifyingKey;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Files of keys, public and private, and the text of a key in a plan. */
final class KeysTarget implements FuzzTarget {
  private static final byte[] MESSAGE = "a message".getBytes(StandardCharsets.US_ASCII);

  @Override
  public boolean accepts(byte[] input) throws BadKeyException {
    boolean accepted = false;
    try {
      for (VerifyingKey key : KeyPem.publicKeys(input)) {
        accepted = true;
        if (!KeyPem.publicKey(KeyPem.of(key)).equals(key)) {
          throw new AssertionError("written and read again it is another key: " + key);
        }
        if (key.verifies(MESSAGE, Arrays.copyOf(input, VerifyingKey.SIGNATURE_BYTES))) {
          throw new AssertionError("verifies what nobody signed: " + key);
        }
      }
    } catch (BadKeyException e) {
      accepted = false;
    }
    try {
      SigningKey key = KeyPem.privateKey(input);
      accepted = true;
      key.sign(MESSAGE);
    } catch (BadKeyException e) {
      // a public one, or none
    }
    try {
      VerifyingKey.of(new String(input, StandardCharsets.ISO_8859_1));
      accepted = true;
    } catch (BadKeyException e) {
      // no text of one
    }
    return accepted;
  }
}
