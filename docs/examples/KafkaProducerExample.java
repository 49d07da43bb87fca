import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Ask for a valuation from a bank's own Java program, with kafka-clients and avro alone.
 *
 * <p>Arguments: bootstrap, requests topic, results topic, Requested.avsc, Resulted.avsc, schema id of Requested, channel,
 * request number, address, area. Ends with 0 for a final answer, 3 when a person has to act, 4 when nothing came in 30 s.
 */
public final class KafkaProducerExample {
  private static final UUID NAMESPACE = UUID.fromString("6f2a7a52-6a4e-5c0b-9d5e-1d0f3c1b7a10");
  private static final Set<String> RECEIPTS = Set.of("RECEIVED", "PROCESSING");
  private static final Set<String> WITH_PEOPLE = Set.of("PENDING_MANUAL", "NEEDS_CLARIFICATION");
  private static final int PREFIX_BYTES = 5; // a zero byte and the schema's id

  public static void main(String[] arguments) throws Exception {
    String bootstrap = arguments[0];
    Schema requested = new Schema.Parser().parse(new File(arguments[3]));
    Schema resulted = new Schema.Parser().parse(new File(arguments[4]));
    String channel = arguments[6];
    String requestNumber = arguments[7];
    String valuationId = uuid5(channel + "|" + requestNumber).toString();

    byte[] value =
        encoded(
            new GenericRecordBuilder(requested)
                .set("valuation_id", valuationId)
                .set("channel", channel)
                .set("client_request_id", requestNumber)
                .set("requested_at", Instant.now().toEpochMilli() * 1000)
                .set("address", arguments[8])
                .set("area", decimal(arguments[9], requested.getField("area").schema()))
                .build(),
            Integer.parseInt(arguments[5]));

    try (KafkaConsumer<String, byte[]> answers = listening(bootstrap, arguments[2])) {
      send(bootstrap, arguments[1], valuationId, value);
      System.exit(firstAnswer(answers, valuationId, resulted));
    }
  }

  /** Reads a results topic from now on; begun before asking, or the answer may pass by. */
  private static KafkaConsumer<String, byte[]> listening(String bootstrap, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("enable.auto.commit", "false");
    KafkaConsumer<String, byte[]> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer());
    List<TopicPartition> partitions =
        consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
    consumer.assign(partitions);
    consumer.seekToEnd(partitions);
    partitions.forEach(consumer::position); // seeking is lazy: this does it now
    return consumer;
  }

  private static void send(String bootstrap, String topic, String key, byte[] value) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("acks", "all");
    settings.put("enable.idempotence", "true");
    ProducerRecord<String, byte[]> record = new ProducerRecord<>(topic, key, value);
    Map<String, String> headers =
        Map.of(
            "ce_specversion", "1.0",
            "ce_id", uuid5(key + "|cn.housevaluation.Requested|1").toString(),
            "ce_type", "cn.housevaluation.Requested",
            "ce_source", "bank/credit-system",
            "ce_time", Instant.now().toString(),
            "content-type", "application/avro");
    headers.forEach((name, text) -> record.headers().add(name, text.getBytes(StandardCharsets.UTF_8)));
    try (KafkaProducer<String, byte[]> producer =
        new KafkaProducer<>(settings, new StringSerializer(), new ByteArraySerializer())) {
      producer.send(record).get(); // throws when the broker does not confirm; the same request may be sent again
    }
  }

  private static int firstAnswer(KafkaConsumer<String, byte[]> answers, String key, Schema schema) throws Exception {
    Instant deadline = Instant.now().plusSeconds(30);
    while (Instant.now().isBefore(deadline)) {
      for (ConsumerRecord<String, byte[]> message : answers.poll(Duration.ofMillis(500))) {
        if (!key.equals(message.key())) {
          continue;
        }
        byte[] bytes = message.value();
        GenericRecord answer =
            new GenericDatumReader<GenericRecord>(schema)
                .read(
                    null,
                    DecoderFactory.get().binaryDecoder(bytes, PREFIX_BYTES, bytes.length - PREFIX_BYTES, null));
        String status = answer.get("status").toString();
        System.out.println(
            status + " " + key + " " + answer.get("value") + " " + answer.get("lower") + " " + answer.get("upper"));
        if (!RECEIPTS.contains(status)) {
          return WITH_PEOPLE.contains(status) ? 3 : 0;
        }
      }
    }
    return 4;
  }

  private static byte[] encoded(GenericRecord record, int schemaId) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    DataOutputStream prefix = new DataOutputStream(out);
    prefix.writeByte(0);
    prefix.writeInt(schemaId);
    BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
    new GenericDatumWriter<GenericRecord>(record.getSchema(), GenericData.get()).write(record, encoder);
    encoder.flush();
    return out.toByteArray();
  }

  private static ByteBuffer decimal(String text, Schema schema) {
    return new Conversions.DecimalConversion().toBytes(new BigDecimal(text).setScale(6), schema, schema.getLogicalType());
  }

  /** RFC 4122, version 5: what Java's own UUID class does not offer. */
  private static UUID uuid5(String name) throws Exception {
    MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
    sha1.update(
        ByteBuffer.allocate(16)
            .putLong(NAMESPACE.getMostSignificantBits())
            .putLong(NAMESPACE.getLeastSignificantBits())
            .array());
    ByteBuffer digest = ByteBuffer.wrap(sha1.digest(name.getBytes(StandardCharsets.UTF_8)));
    long high = digest.getLong() & 0xFFFFFFFFFFFF0FFFL | 0x0000000000005000L;
    long low = digest.getLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L;
    return new UUID(high, low);
  }
}
