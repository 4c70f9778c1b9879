/** No byte is above 0x7f: then a character of the text is a byte. */
export { isAscii } from 'node:buffer'
