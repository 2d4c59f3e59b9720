"""Forms of texts that requests hold, and how people are told that a text has another one."""

#: One line in which something is seen.
VISIBLE_LINE = r"^ *[^ \x00-\x1F\x7F-\xA0][^\x00-\x1F\x7F-\xA0]*$"
#: Text that goes into SQL: no database stores control characters, PostgreSQL refuses NUL.
LINE = r"^[^\x00-\x1F]*$"
#: Text of several lines.
WITHOUT_NUL = r"^[^\x00]*$"
#: As fields of forms are called.
FIELD_NAME = r"^[a-z][a-z0-9_]*$"

RULES = {
    VISIBLE_LINE: "must be one line of characters that are seen",
    LINE: "must be one line without control characters",
    WITHOUT_NUL: "must not hold the NUL character",
    FIELD_NAME: "must begin with a small letter and have nothing but these, digits and '_'",
}
