#include "http/method.h"

namespace moln::http {

Method method_from(std::string_view name) {
    switch (name.size()) {
        case 3:
            if (name == "GET") return Method::get;
            if (name == "PUT") return Method::put;
            break;
        case 4:
            if (name == "HEAD") return Method::head;
            if (name == "POST") return Method::post;
            break;
        case 5:
            if (name == "PATCH") return Method::patch;
            if (name == "TRACE") return Method::trace;
            break;
        case 6:
            if (name == "DELETE") return Method::delete_;
            break;
        case 7:
            if (name == "OPTIONS") return Method::options;
            if (name == "CONNECT") return Method::connect;
            break;
        default: break;
    }
    return Method::other;
}

}  // namespace moln::http
