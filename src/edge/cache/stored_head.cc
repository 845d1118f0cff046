#include "edge/cache/stored_head.h"

#include <array>

#include "base/check.h"
#include "edge/cache/disk_bytes.h"
#include "http/cache_control.h"
#include "http/scan.h"

namespace moln::edge {
namespace {

using http::FieldId;

bool lists(std::string_view list, std::string_view name) {
    bool found = false;
    http::for_each_element(list, [&](std::string_view one) {
        found = found || http::equals_ignoring_case(one, name);
    });
    return found;
}

// Fields that are not kept whatever the response says of them.
bool is_passing(FieldId id, std::string_view name) {
    switch (id) {
        case FieldId::content_length:
        case FieldId::age:
        case FieldId::cache_tag:
        case FieldId::surrogate_key:
        case FieldId::moln_peer: return true;
        case FieldId::other: return http::equals_ignoring_case(name, "Proxy-Authentication-Info");
        default: return http::is_hop_by_hop(id);
    }
}

class Keeper {
public:
    explicit Keeper(const http::ResponseHead& head,
                    StoredHead::Listed listed = StoredHead::Listed::left_out)
        : head_(head) {
        if (listed == StoredHead::Listed::left_out) {
            control_ = http::cache_control_of(head.fields);
        }
    }

    bool keeps(const http::Field& field) const {
        if (is_passing(field.id, field.name)) return false;
        for (std::size_t i = 0; i < control_.no_cache_list_count; ++i) {
            if (lists(control_.no_cache_lists[i], field.name)) return false;
        }
        if (!head_.facts.connection_lists_fields) return true;
        for (const std::string_view listed : head_.fields.all(FieldId::connection)) {
            if (lists(listed, field.name)) return false;
        }
        return true;
    }

private:
    const http::ResponseHead& head_;
    http::CacheControl control_;
};

// What says how the stored body is to be read: a 304 has none and does not change it.
bool is_of_body(FieldId id) {
    return id == FieldId::content_encoding || id == FieldId::content_range ||
           id == FieldId::content_md5 || id == FieldId::etag;
}

// Of the bytes that this one message brings (RFC 9530 2), unlike Repr-Digest.
bool is_sum_of_content(FieldId id, std::string_view name) {
    return id == FieldId::content_md5 ||
           (id == FieldId::other && http::equals_ignoring_case(name, "Content-Digest"));
}

// Nothing that would end a line of a head.
bool is_line(std::string_view text) {
    return text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

bool has(const http::FieldTable& fields, const http::Field& wanted) {
    if (wanted.id != FieldId::other) return fields.has(wanted.id);
    return fields.first(wanted.name).has_value();
}

}  // namespace

std::string_view StoredHead::name(const Entry& entry) const {
    return std::string_view(text_).substr(entry.name_at, entry.name_size);
}

std::string_view StoredHead::value(const Entry& entry) const {
    return std::string_view(text_).substr(std::size_t{entry.name_at} + entry.name_size,
                                          entry.value_size);
}

// The heads that this is made of have at most 65,535 bytes and a stored one is never longer than
// the two it was merged of; what would not fit is left out.
void StoredHead::add(std::string_view name, std::string_view value, FieldId id) {
    const bool fits = text_.size() + name.size() + value.size() <= http::k_head_bytes_ceiling &&
                      fields_.size() < http::k_fields_max;
    if (!fits) return;
    fields_.push_back({.name_at = static_cast<std::uint16_t>(text_.size()),
                       .name_size = static_cast<std::uint16_t>(name.size()),
                       .value_size = static_cast<std::uint16_t>(value.size()),
                       .id = id});
    text_.append(name).append(value);
}

void StoredHead::add_date(WallTime came) {
    std::array<char, http::k_date_bytes> date;
    http::format_date(came, date);
    add("Date", {date.data(), date.size()}, FieldId::date);
}

void StoredHead::shrink() {
    text_.shrink_to_fit();
    fields_.shrink_to_fit();
}

StoredHead StoredHead::of(const http::ResponseHead& head, WallTime came, Listed listed) {
    StoredHead out;
    out.status_ = head.status;
    out.text_ = head.reason();
    out.reason_size_ = static_cast<std::uint16_t>(out.text_.size());
    if (!head.fields.has(FieldId::date)) out.add_date(came);
    const Keeper keeper(head, listed);
    for (const http::Field field : head.fields) {
        if (keeper.keeps(field)) out.add(field.name, field.value, field.id);
    }
    out.shrink();
    return out;
}

StoredHead StoredHead::merged(const http::ResponseHead& update, WallTime came) const {
    StoredHead out;
    out.status_ = status_;
    out.text_ = std::string_view(text_).substr(0, reason_size_);
    out.reason_size_ = reason_size_;
    const Keeper keeper(update);
    const bool dated = update.fields.has(FieldId::date);
    if (!dated) out.add_date(came);
    for (const Entry& entry : fields_) {
        const http::Field field{.name = name(entry), .value = value(entry), .id = entry.id};
        const bool replaced =
            !is_of_body(field.id) && (has(update.fields, field) || field.id == FieldId::date);
        if (!replaced) out.add(field.name, field.value, field.id);
    }
    for (const http::Field field : update.fields) {
        if (is_of_body(field.id) || !keeper.keeps(field)) continue;
        out.add(field.name, field.value, field.id);
    }
    out.shrink();
    return out;
}

bool StoredHead::is_of(HeadForm form, const Entry& entry) const {
    if (form == HeadForm::judged) return true;
    if (entry.id == FieldId::surrogate_control) return false;
    if (form == HeadForm::as_it_is) return true;
    if (form == HeadForm::whole || form == HeadForm::part) {
        return entry.id != FieldId::content_range && !is_sum_of_content(entry.id, name(entry));
    }
    if (entry.id == FieldId::etag) return false;
    return entry.id != FieldId::other || !http::equals_ignoring_case(name(entry), "Accept-Ranges");
}

void StoredHead::show(http::ResponseHead& out, HeadForm form) const {
    out.reset();
    out.status = form == HeadForm::whole ? 200 : status_;
    out.reason_slice = {.at = 0, .size = form == HeadForm::whole ? std::uint16_t{0} : reason_size_};
    out.rebase(text_.data());
    for (const Entry& entry : fields_) {
        if (is_of(form, entry)) show_field(entry, out);
    }
}

void StoredHead::show_field(const Entry& entry, http::ResponseHead& out) const {
    const auto value_at = static_cast<std::uint16_t>(entry.name_at + entry.name_size);
    out.fields.add({.at = entry.name_at, .size = entry.name_size},
                   {.at = value_at, .size = entry.value_size}, entry.id);
}

void StoredHead::show_not_modified(http::ResponseHead& out, HeadForm form) const {
    out.reset();
    out.status = 304;
    out.rebase(text_.data());
    for (const Entry& entry : fields_) {
        const bool of_body = entry.id == FieldId::etag ? false : is_of_body(entry.id);
        const bool said = !of_body && entry.id != FieldId::content_type;
        if (said && is_of(form, entry)) show_field(entry, out);
    }
}

// Status, size of the reason, number of fields; the sizes of each; the text as it stands.
void StoredHead::save(std::string& out) const {
    put_number(out, status_);
    put_number(out, reason_size_);
    put_number(out, static_cast<std::uint16_t>(fields_.size()));
    for (const Entry& entry : fields_) {
        put_number(out, entry.name_size);
        put_number(out, entry.value_size);
    }
    out += text_;
}

std::optional<StoredHead> StoredHead::load(std::string_view bytes) {
    NumberReader numbers(bytes);
    StoredHead out;
    out.status_ = numbers.take<std::uint16_t>();
    out.reason_size_ = numbers.take<std::uint16_t>();
    const auto count = numbers.take<std::uint16_t>();
    if (count > http::k_fields_max || out.status_ < 200 || out.status_ > 599) return std::nullopt;
    std::size_t size = out.reason_size_;
    for (std::uint16_t i = 0; i < count; ++i) {
        Entry entry;
        entry.name_size = numbers.take<std::uint16_t>();
        entry.value_size = numbers.take<std::uint16_t>();
        entry.name_at = static_cast<std::uint16_t>(size);
        size += std::size_t{entry.name_size} + entry.value_size;
        if (size > http::k_head_bytes_ceiling) return std::nullopt;
        out.fields_.push_back(entry);
    }
    if (!numbers.good() || numbers.rest().size() != size) return std::nullopt;
    out.text_ = numbers.rest();
    if (!is_line(out.text_)) return std::nullopt;
    for (Entry& entry : out.fields_) {
        const auto name = out.name(entry);
        if (!http::is_token(name)) return std::nullopt;
        entry.id = http::field_id(name);
    }
    out.shrink();
    return out;
}

std::string_view StoredHead::first(FieldId id) const {
    for (const Entry& entry : fields_) {
        if (entry.id == id) return value(entry);
    }
    return {};
}

}  // namespace moln::edge
