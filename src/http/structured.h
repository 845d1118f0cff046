// Dictionaries of structured fields (RFC 8941), read strictly: one byte that is not in the grammar
// and the whole field is none. Of values only what this edge acts on is handed out; parameters and
// inner lists are checked and dropped. Not a writer.
#pragma once

#include <cstdint>
#include <string_view>

namespace moln::http::structured {

enum class Kind : std::uint8_t {
    boolean,
    integer,
    other,  // a decimal, string, token, byte sequence or inner list
};

struct Member {
    std::string_view key;
    Kind kind = Kind::boolean;
    bool boolean = true;
    std::int64_t integer = 0;  // of at most 15 digits
};

// Takes members off the front of a dictionary.
class DictionaryReader {
public:
    enum class Step : std::uint8_t { member, end, broken };

    explicit DictionaryReader(std::string_view text);
    // `member`: `out` is the next one. After `end` or `broken` it may not be called again.
    Step next(Member& out);

private:
    bool take(char expected);
    void skip_spaces();
    void skip_blanks();
    bool read_key(std::string_view& key);
    bool read_value(Member& out);
    bool read_bare(Member& out);
    bool read_number(Member& out);
    bool read_string();
    bool read_token();
    bool read_bytes();
    bool read_boolean(Member& out);
    bool read_inner_list();
    bool read_parameters();

    std::string_view rest_;
    bool first_ = true;
};

// Calls visit(member) for every member, in order; of two with one key the later counts, so that
// the caller overwrites. False when the text is no dictionary: what was visited is to be forgotten.
template <typename Visit>
bool for_each_member(std::string_view text, Visit&& visit) {
    DictionaryReader reader(text);
    Member member;
    for (;;) {
        switch (reader.next(member)) {
            case DictionaryReader::Step::member: visit(member); break;
            case DictionaryReader::Step::end: return true;
            case DictionaryReader::Step::broken: return false;
        }
    }
}

}  // namespace moln::http::structured
