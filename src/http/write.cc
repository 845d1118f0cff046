#include "http/write.h"

#include "http/write_fields.h"

namespace moln::http {
namespace {

bool connection_lists(const FieldTable& fields, std::string_view name) {
    bool listed = false;
    for (const std::string_view value : fields.all(FieldId::connection)) {
        for_each_element(value, [&](std::string_view token) {
            listed = listed || equals_ignoring_case(token, name);
        });
    }
    return listed;
}

}  // namespace

bool keeps_fields_back(const RequestHead& head) {
    if (!head.facts.connection_lists_fields) return false;
    for (const Field field : head.fields) {
        if (is_hop_by_hop(field.id) || equals_ignoring_case(field.name, "HTTP2-Settings")) continue;
        if (connection_lists(head.fields, field.name)) return true;
    }
    return false;
}

void write_passed_fields(ByteWriter& out, const FieldTable& fields, const MessageFacts& facts,
                         FieldSet dropped) {
    for (const Field field : fields) {
        if (dropped.has(field.id)) continue;
        if (facts.connection_lists_fields && connection_lists(fields, field.name)) continue;
        out.field(field.name, field.value);
    }
}

void write_extra_fields(ByteWriter& out, std::span<const ExtraField> extra) {
    for (const ExtraField& field : extra) out.field(field.name, field.value);
}

void write_content_length(ByteWriter& out, std::uint64_t length) {
    out.text("Content-Length: ");
    out.number(length);
    out.end_line();
}

std::size_t head_bytes_bound(std::size_t received_bytes, std::span<const ExtraField> extra) {
    // A blank after each colon: 100. Forwarding fields, the host repeated: 420. Trace, framing,
    // date, connection: 250. Rounded up.
    std::size_t bound = received_bytes + 1024;
    for (const ExtraField& field : extra) bound += field.name.size() + field.value.size() + 4;
    return bound;
}

}  // namespace moln::http
