package dev.sluice.schemas.tables;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import dev.sluice.schemas.QueryScore;
import dev.sluice.schemas.avro.ContainerScanner;
import dev.sluice.schemas.avro.NotAContainerException;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * Reads a table row by row. Holds one row, of at most 2^20 characters, or one Avro block. Not
 * thread-safe.
 */
public final class TableReader implements Closeable {
  /** Longest cell, in characters. */
  public static final int MAX_CELL = 1 << 18;

  private static final int SHOWN = 60;
  private static final int COLUMNS_SHOWN = 20;

  /** No column of this table. */
  private static final int IGNORED = -1;

  // Possessive, so that a long cell costs one pass.
  private static final Pattern DECIMAL =
      Pattern.compile("[+-]?+(?:[0-9]++(?:\\.[0-9]*+)?+|\\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+");

  /** One format. */
  private interface Rows extends Closeable {
    /** The next row, null at the end. */
    TableRow next() throws IOException;
  }

  private final Rows rows;
  private final String source;
  private final TableFormat format;
  private final TableColumns columns;
  private final List<String> names;

  private TableReader(InputStream in, String source, TableFormat format, TableColumns columns)
      throws IOException {
    this.source = source;
    this.format = format;
    this.columns = columns;
    this.names = columns.names();
    this.rows =
        switch (format) {
          case CSV -> new CsvRows(in);
          case JSON_LINES -> new JsonRows(in);
          case AVRO -> new AvroRows(in);
        };
  }

  /**
   * Opens a table.
   *
   * @param in its bytes, closed with the reader or if this fails
   * @param source its name, for messages
   * @param format AVRO only where the columns are fields of QueryScore
   * @throws TableException if its columns are not the expected ones
   */
  public static TableReader open(
      InputStream in, String source, TableFormat format, TableColumns columns) throws IOException {
    try {
      return new TableReader(in, source, format, columns);
    } catch (IOException | RuntimeException e) {
      in.close();
      throw e;
    }
  }

  /**
   * The next row; empty at the end.
   *
   * @throws TableException if it is none
   */
  public Optional<TableRow> next() throws IOException {
    return Optional.ofNullable(rows.next());
  }

  @Override
  public void close() throws IOException {
    rows.close();
  }

  /** Text from outside, fit for a line of a message. */
  public static String shown(String text) {
    String start = text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
    return "'" + start.replaceAll("[\\p{Cc}\\p{Cf}\\p{Cs}\u2028\u2029]", "?") + "'";
  }

  private TableException refused(long place, String message) {
    return new TableException(source + ": " + format.unit() + " " + place + ": " + message);
  }

  private TableRow row(long place, Object[] cells) {
    return new TableRow(source, format.unit(), place, names, cells);
  }

  private void checkCell(long place, String column, int length) throws TableException {
    if (length > MAX_CELL) {
      throw refused(
          place,
          column
              + ": found "
              + length
              + " characters, expected at most "
              + MAX_CELL
              + " in a cell");
    }
  }

  private static String listed(List<String> found) {
    List<String> shown = found.stream().limit(COLUMNS_SHOWN).map(name -> shown(name)).toList();
    String more = found.size() > COLUMNS_SHOWN ? " and " + (found.size() - COLUMNS_SHOWN) : "";
    return String.join(", ", shown) + (more.isEmpty() ? "" : more + " more");
  }

  /** A number as people write one; null if it is none. */
  private static Double number(String cell) {
    String text = cell.strip();
    if (DECIMAL.matcher(text).matches()) {
      return Double.valueOf(text);
    }
    return switch (text.toLowerCase(Locale.ROOT)) {
      case "nan", "+nan", "-nan" -> Double.NaN;
      case "inf", "+inf", "infinity", "+infinity" -> Double.POSITIVE_INFINITY;
      case "-inf", "-infinity" -> Double.NEGATIVE_INFINITY;
      default -> null;
    };
  }

  private final class CsvRows implements Rows {
    private final Utf8Reader text;
    private final CSVParser parser;
    private final Iterator<CSVRecord> records;
    private final int[] columnOf; // index among names, or IGNORED, by cell
    private long lineBefore;

    CsvRows(InputStream in) throws IOException {
      text = new Utf8Reader(in, source);
      parser = CSVParser.builder().setReader(text).setFormat(CSVFormat.RFC4180).get();
      records = parser.iterator();
      CSVRecord header = read();
      if (header == null) {
        throw new TableException(
            source + ": found an empty file, expected a header: " + columns.expected());
      }
      columnOf = header(header.toList());
    }

    private int[] header(List<String> found) throws TableException {
      int[] of = new int[found.size()];
      for (int i = 0; i < of.length; i++) {
        of[i] = names.indexOf(found.get(i));
        if (found.indexOf(found.get(i)) < i && (of[i] != IGNORED || !columns.others())) {
          throw refused(1, "found the column " + shown(found.get(i)) + " twice, expected it once");
        }
      }
      for (int i = 0; i < columns.needed(); i++) {
        if (!found.contains(names.get(i))) {
          throw refused(
              1,
              "found no column '"
                  + names.get(i)
                  + "' among "
                  + listed(found)
                  + ", expected "
                  + columns.expected());
        }
      }
      for (int i = 0; i < of.length; i++) {
        if (of[i] == IGNORED && !columns.others()) {
          throw refused(
              1, "found a column " + shown(found.get(i)) + ", expected " + columns.expected());
        }
      }
      return of;
    }

    /** The next record that is no empty line; null at the end. */
    private CSVRecord read() throws IOException {
      while (true) {
        lineBefore = parser.getCurrentLineNumber();
        text.beginRow(lineBefore + 1);
        try {
          if (!records.hasNext()) {
            return null;
          }
        } catch (UncheckedIOException e) {
          if (e.getCause() instanceof TableException) {
            throw e.getCause();
          }
          throw refused(lineBefore + 1, "found no CSV: " + forPeople(e.getCause()));
        } catch (IllegalStateException e) {
          if (e.getCause() instanceof TableException refused) {
            throw refused;
          }
          throw refused(lineBefore + 1, "found no CSV: " + e.getMessage());
        }
        CSVRecord record = records.next();
        if (record.size() > 1 || !record.get(0).isEmpty()) {
          return record;
        }
      }
    }

    private String forPeople(IOException failure) {
      String message = String.valueOf(failure.getMessage());
      return message.contains("EOF reached")
          ? "a quoted cell that does not end"
          : message.replaceFirst(" at line: .*", "").replaceFirst("^\\(.*?\\) ", "")
              + " (text before or behind a quoted cell?)";
    }

    @Override
    public TableRow next() throws IOException {
      CSVRecord record = read();
      if (record == null) {
        return null;
      }
      long line = lineBefore + 1;
      if (record.size() != columnOf.length) {
        throw refused(
            line,
            "found "
                + record.size()
                + (record.size() == 1 ? " cell" : " cells")
                + ", expected "
                + columnOf.length
                + " as in the header");
      }
      Object[] cells = new Object[names.size()];
      long length = 0;
      for (int i = 0; i < columnOf.length; i++) {
        String cell = record.get(i);
        length += cell.length();
        if (length > Utf8Reader.MAX_ROW) {
          throw text.tooLong(line);
        }
        if (columnOf[i] == IGNORED) {
          continue;
        }
        String name = names.get(columnOf[i]);
        checkCell(line, name, cell.length());
        cells[columnOf[i]] = cell(line, columnOf[i], cell);
      }
      return row(line, cells);
    }

    private Object cell(long line, int column, String cell) throws TableException {
      String name = names.get(column);
      if (cell.isEmpty()) {
        if (column < columns.needed()) {
          throw refused(
              line,
              name
                  + ": found an empty cell, expected "
                  + (columns.isNumber(column) ? "a number" : "text"));
        }
        return null;
      }
      if (!columns.isNumber(column)) {
        return cell;
      }
      Double number = number(cell);
      if (number == null) {
        throw refused(line, name + ": found " + shown(cell) + ", expected a number");
      }
      return number;
    }

    @Override
    public void close() throws IOException {
      parser.close();
    }
  }

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS) // Python writes them; refused by name
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(32)
                  .maxStringLength(Utf8Reader.MAX_ROW)
                  .build())
          .build();

  private final class JsonRows implements Rows {
    private final Utf8Reader text;
    private final char[] buffer = new char[1 << 13];
    private final StringBuilder line = new StringBuilder();
    private int at;
    private int limit;
    private long number;

    JsonRows(InputStream in) {
      text = new Utf8Reader(in, source);
    }

    /** Reads a line into {@link #line}; false at the end. */
    private boolean readLine() throws IOException {
      line.setLength(0);
      number++;
      text.beginRow(number);
      while (true) {
        int from = at;
        while (at < limit && buffer[at] != '\n') {
          at++;
        }
        line.append(buffer, from, at - from);
        if (line.length() > Utf8Reader.MAX_ROW) {
          throw text.tooLong(number);
        }
        if (at < limit) {
          at++;
          return true;
        }
        limit = text.read(buffer, 0, buffer.length);
        at = 0;
        if (limit < 0) {
          limit = 0;
          return line.length() > 0;
        }
      }
    }

    @Override
    public TableRow next() throws IOException {
      while (readLine()) {
        if (!line.chars().allMatch(Character::isWhitespace)) {
          return row(number, parse());
        }
      }
      return null;
    }

    private Object[] parse() throws IOException {
      Object[] cells = new Object[names.size()];
      try (JsonParser json = JSON.createParser(line.toString())) {
        if (json.nextToken() != JsonToken.START_OBJECT) {
          throw refused(number, "found " + kind(json) + ", expected a JSON object");
        }
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String name = json.currentName();
          json.nextToken();
          int column = names.indexOf(name);
          if (column >= 0) {
            cells[column] = cell(json, column);
          } else if (columns.others()) {
            json.skipChildren();
          } else {
            throw refused(
                number, "found a field " + shown(name) + ", expected " + columns.expected());
          }
        }
        if (json.nextToken() != null) {
          throw refused(number, "found " + kind(json) + " behind the object, expected one a line");
        }
      } catch (JsonProcessingException e) {
        String message =
            e.getOriginalMessage()
                .replaceFirst(": enable `[^`]*` to allow", "")
                .replaceAll("\\s+", " ");
        throw refused(number, "found no JSON object: " + shownPlain(message));
      }
      for (int i = 0; i < columns.needed(); i++) {
        if (cells[i] == null) {
          throw refused(
              number,
              names.get(i)
                  + ": found nothing, expected "
                  + (columns.isNumber(i) ? "a number" : "text"));
        }
      }
      return cells;
    }

    private String shownPlain(String message) {
      String shown = message.length() <= 200 ? message : message.substring(0, 200) + "...";
      return shown.replaceAll("[\\p{Cc}\\p{Cf}\\p{Cs}\u2028\u2029]", "?");
    }

    private Object cell(JsonParser json, int column) throws IOException {
      String name = names.get(column);
      JsonToken token = json.currentToken();
      if (columns.isNumber(column)) {
        if (token == JsonToken.VALUE_NUMBER_INT || token == JsonToken.VALUE_NUMBER_FLOAT) {
          // Double.parseDouble, as for CSV: the same digits are the same score.
          return Double.valueOf(json.getText().replace("INF", "Infinity"));
        }
        throw refused(number, name + ": found " + kind(json) + ", expected a number");
      }
      if (token == JsonToken.VALUE_NULL && column >= columns.needed()) {
        return null;
      }
      if (token != JsonToken.VALUE_STRING) {
        throw refused(number, name + ": found " + kind(json) + ", expected a string");
      }
      String text = json.getText();
      checkCell(number, name, text.length());
      return text.isEmpty() ? null : text;
    }

    private String kind(JsonParser json) throws IOException {
      JsonToken token = json.currentToken();
      if (token == null) {
        return "nothing";
      }
      return switch (token) {
        case VALUE_STRING -> "the string " + shown(json.getText());
        case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "the number " + shownPlain(json.getText());
        case START_ARRAY -> "an array";
        case START_OBJECT -> "an object";
        default -> shownPlain(String.valueOf(json.getText()));
      };
    }

    @Override
    public void close() throws IOException {
      text.close();
    }
  }

  /** Records of QueryScore, field by field: a claimed length is checked before it is allocated. */
  private final class AvroRows implements Rows {
    private final ContainerScanner scanner;
    private ByteBuffer block = ByteBuffer.allocate(0);
    private long left; // records of the block that are still to come
    private long number;

    AvroRows(InputStream in) throws IOException {
      try {
        scanner = new ContainerScanner(in, QueryScore.getClassSchema());
      } catch (NotAContainerException e) {
        throw new TableException(source + ": " + e.getMessage());
      }
    }

    @Override
    public TableRow next() throws IOException {
      number++;
      if (left == 0) {
        if (block.hasRemaining()) {
          throw refused(number - 1, "found " + block.remaining() + " bytes behind a block's last");
        }
        Optional<ContainerScanner.Item> item = scanner.next();
        if (item.isEmpty()) {
          return null;
        }
        if (item.get() instanceof ContainerScanner.Block found) {
          block =
              ByteBuffer.wrap(found.window(), found.from(), found.lengthBytes())
                  .slice()
                  .order(ByteOrder.LITTLE_ENDIAN);
          left = found.records();
        } else if (item.get() instanceof ContainerScanner.Damage damage) {
          throw refused(number, "found damage: " + damage.detail());
        }
      }
      left--;
      String query = string("query");
      String node = optional("node");
      String candidate = string("candidate");
      need(8, "score");
      double score = block.getDouble();
      String group = optional("group");
      String truth = optional("truth");
      Object[] cells = new Object[names.size()];
      for (int i = 0; i < cells.length; i++) {
        cells[i] =
            switch (names.get(i)) {
              case "query" -> query;
              case "node" -> node;
              case "candidate" -> candidate;
              case "score" -> score;
              case "group" -> group;
              case "truth" -> truth;
              default -> throw new IllegalArgumentException("no field '" + names.get(i) + "'");
            };
        if (cells[i] == null && i < columns.needed()) {
          throw refused(number, names.get(i) + ": found nothing, expected text");
        }
      }
      return row(number, cells);
    }

    private void need(int length, String field) throws TableException {
      if (block.remaining() < length) {
        throw refused(number, "found a record that ends inside '" + field + "'");
      }
    }

    private long varint(String field) throws TableException {
      long raw = 0;
      for (int shift = 0; shift < 70; shift += 7) {
        need(1, field);
        byte b = block.get();
        raw |= (b & 0x7fL) << shift;
        if (b >= 0) {
          return raw >>> 1 ^ -(raw & 1);
        }
      }
      throw refused(number, "found no Avro number in '" + field + "'");
    }

    private String optional(String field) throws TableException {
      long branch = varint(field);
      if (branch != 0 && branch != 1) {
        throw refused(number, field + ": found branch " + branch + " of a union of two");
      }
      return branch == 0 ? null : string(field);
    }

    private String string(String field) throws TableException {
      long length = varint(field);
      if (length < 0 || length > 4L * MAX_CELL) {
        throw refused(
            number,
            field + ": found " + length + " bytes, expected at most " + MAX_CELL + " characters");
      }
      need((int) length, field);
      ByteBuffer text = block.slice(block.position(), (int) length);
      block.position(block.position() + (int) length);
      try {
        String decoded = StandardCharsets.UTF_8.newDecoder().decode(text).toString();
        checkCell(number, field, decoded.length());
        return decoded.isEmpty() ? null : decoded;
      } catch (CharacterCodingException e) {
        throw refused(number, field + ": found bytes that are not UTF-8");
      }
    }

    @Override
    public void close() throws IOException {
      scanner.close();
    }
  }
}
