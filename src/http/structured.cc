#include "http/structured.h"

#include "http/scan.h"

namespace moln::http::structured {
namespace {

bool is_key_start(char c) {
    return (c >= 'a' && c <= 'z') || c == '*';
}
bool is_key_char(char c) {
    return is_key_start(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}
bool is_base64(char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '/' || c == '=';
}

}  // namespace

// RFC 8941 4.2: leading and trailing spaces go, tabs do not.
DictionaryReader::DictionaryReader(std::string_view text) : rest_(text) {
    while (!rest_.empty() && rest_.back() == ' ') rest_.remove_suffix(1);
    skip_spaces();
}

bool DictionaryReader::take(char expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(1);
    return true;
}

void DictionaryReader::skip_spaces() {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
}

void DictionaryReader::skip_blanks() {
    while (rest_.starts_with(' ') || rest_.starts_with('\t')) rest_.remove_prefix(1);
}

DictionaryReader::Step DictionaryReader::next(Member& out) {
    if (first_ && rest_.empty()) return Step::end;
    if (!first_) {
        skip_blanks();
        if (rest_.empty()) return Step::end;
        if (!take(',')) return Step::broken;
        skip_blanks();
        if (rest_.empty()) return Step::broken;  // a comma at the end
    }
    first_ = false;
    out = {};
    if (!read_key(out.key)) return Step::broken;
    const bool good = take('=') ? read_value(out) : read_parameters();
    return good ? Step::member : Step::broken;
}

bool DictionaryReader::read_key(std::string_view& key) {
    if (rest_.empty() || !is_key_start(rest_.front())) return false;
    std::size_t size = 1;
    while (size < rest_.size() && is_key_char(rest_[size])) ++size;
    key = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
}

bool DictionaryReader::read_value(Member& out) {
    if (rest_.starts_with('(')) {
        out.kind = Kind::other;
        return read_inner_list() && read_parameters();
    }
    return read_bare(out) && read_parameters();
}

bool DictionaryReader::read_bare(Member& out) {
    if (rest_.empty()) return false;
    out.kind = Kind::other;
    const char c = rest_.front();
    if (c == '-' || is_digit(c)) return read_number(out);
    if (c == '"') return read_string();
    if (c == '*' || is_letter(c)) return read_token();
    if (c == ':') return read_bytes();
    if (c == '?') return read_boolean(out);
    return false;
}

// 15 digits, or 12 before and 3 behind the point (RFC 8941 4.2.4).
bool DictionaryReader::read_number(Member& out) {
    const bool negative = take('-');
    std::int64_t number = 0;
    std::size_t digits = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
        if (++digits > 15) return false;
        number = number * 10 + (rest_.front() - '0');
        rest_.remove_prefix(1);
    }
    if (digits == 0) return false;
    if (!take('.')) {
        out.kind = Kind::integer;
        out.integer = negative ? -number : number;
        return true;
    }
    std::size_t behind = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
        rest_.remove_prefix(1);
        ++behind;
    }
    return digits <= 12 && behind >= 1 && behind <= 3;
}

bool DictionaryReader::read_string() {
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
        const char c = rest_.front();
        rest_.remove_prefix(1);
        if (c == '"') return true;
        if (c == '\\') {
            if (!take('"') && !take('\\')) return false;
        } else if (c < 0x20 || c > 0x7e) {
            return false;
        }
    }
    return false;
}

bool DictionaryReader::read_token() {
    rest_.remove_prefix(1);
    while (!rest_.empty() &&
           (is(k_byte_token, rest_.front()) || rest_.front() == ':' || rest_.front() == '/')) {
        rest_.remove_prefix(1);
    }
    return true;
}

bool DictionaryReader::read_bytes() {
    rest_.remove_prefix(1);
    while (!rest_.empty() && is_base64(rest_.front())) rest_.remove_prefix(1);
    return take(':');
}

bool DictionaryReader::read_boolean(Member& out) {
    rest_.remove_prefix(1);
    out.kind = Kind::boolean;
    out.boolean = take('1');
    return out.boolean || take('0');
}

bool DictionaryReader::read_inner_list() {
    rest_.remove_prefix(1);
    for (;;) {
        skip_spaces();
        if (take(')')) return true;
        Member item;
        if (!read_bare(item) || !read_parameters()) return false;
        if (!rest_.starts_with(' ') && !rest_.starts_with(')')) return false;
    }
}

bool DictionaryReader::read_parameters() {
    while (take(';')) {
        skip_spaces();
        std::string_view key;
        if (!read_key(key)) return false;
        Member value;
        if (take('=') && !read_bare(value)) return false;
    }
    return true;
}

}  // namespace moln::http::structured
