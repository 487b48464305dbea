// Bulk client: uploads (raw or multipart), downloads and live relays of one file over loopback, every byte compared.
// usage: bulk put PORT PATH FILE [send|sendfile] [multipart]
//        bulk get PORT PATH FILE
//        bulk relay PORT PATH FILE [send|sendfile] [MB/s of the receiver, 0: as fast as it can]
//        bulk tcprelay PORT LISTENPORT FILE [send|sendfile]
//        bulk wormhole PORT - FILE [send|sendfile]
// BULK_GET: the path a relay's receiver asks for, if another. BULK_HEADERS: more header lines of an upload, each with its
// CRLF. BULK_METHOD: an upload's method. Prints JSON {"s": seconds, "bytes": n, "ok": 0 or 1}.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <errno.h>
#include <time.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/sendfile.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
static char*src; static size_t N; static int ffd; static int usesend=0; static double slow=0;
static char*dst; static double t_end; static int rok=0; static const char*gpath; static const char*more(){const char*m=getenv("BULK_HEADERS");return m?m:"";} static int port;
static double now(){struct timespec t;clock_gettime(CLOCK_MONOTONIC,&t);return t.tv_sec+t.tv_nsec/1e9;}
static void die(const char*m){fprintf(stderr,"bulk: %s: %s\n",m,strerror(errno));printf("{\"s\":0,\"bytes\":0,\"ok\":0,\"err\":\"%s\"}\n",m);exit(1);}
static int conn(int p){int s=socket(AF_INET,SOCK_STREAM,0);struct sockaddr_in a={.sin_family=AF_INET,.sin_port=htons(p)};a.sin_addr.s_addr=htonl(INADDR_LOOPBACK);
 if(connect(s,(void*)&a,sizeof a))die("connect");int one=1;setsockopt(s,IPPROTO_TCP,TCP_NODELAY,&one,sizeof one);
 struct timeval tv={30,0};setsockopt(s,SOL_SOCKET,SO_RCVTIMEO,&tv,sizeof tv);setsockopt(s,SOL_SOCKET,SO_SNDTIMEO,&tv,sizeof tv);return s;}
static void sendall(int s,const char*b,size_t n){while(n){ssize_t k=send(s,b,n,MSG_NOSIGNAL);if(k<=0)die("send");b+=k;n-=k;}}
static void sendbody(int s){if(usesend){size_t o=0;while(o<N){size_t m=N-o;if(m>1<<18)m=1<<18;ssize_t k=send(s,src+o,m,MSG_NOSIGNAL);if(k<=0)die("sendbody");o+=k;}}
 else{off_t o=0;while((size_t)o<N){ssize_t k=sendfile(s,ffd,&o,N-o>(1<<20)?(1<<20):N-o);if(k<=0)die("sendfile");}}}
// read head; returns body bytes already read placed into out
static int readhead(int s,char*h,int cap,char**body,int*bl){int n=0;for(;;){ssize_t k=recv(s,h+n,cap-1-n,0);if(k<=0)die("head");n+=k;h[n]=0;char*e=memmem(h,n,"\r\n\r\n",4);if(e){*body=e+4;*bl=n-(e+4-h);return atoi(h+9);}if(n>=cap-1)die("bighead");}}
static void recvbody(int s,size_t have){size_t o=have;double t0=now();while(o<N){size_t m=N-o;if(m>1<<20)m=1<<20;if(slow>0&&m>1<<16)m=1<<16;ssize_t k=recv(s,dst+o,m,0);if(k<=0){fprintf(stderr,"bulk: short recv at %zu of %zu\n",o,N);break;}o+=k;
  if(slow>0){double due=t0+o/(slow*1e6),d=due-now();if(d>0)usleep(d*1e6);}}t_end=now();rok=(o==N&&!memcmp(dst,src,N));}
static void*recvthread(void*_){char h[16384];char*b;int bl;int s=conn(port);char q[512];snprintf(q,512,"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Len: %zu\r\n\r\n",gpath,N);sendall(s,q,strlen(q));
 int st=readhead(s,h,sizeof h,&b,&bl);if(st!=200){fprintf(stderr,"recv status %d\n",st);t_end=now();return 0;}memcpy(dst,b,bl);recvbody(s,bl);close(s);return 0;}
static int lsock;
static void*accthread(void*_){int s=accept(lsock,0,0);recvbody(s,0);close(s);return 0;}
static void*whthread(void*v){recvbody((int)(long)v,0);return 0;}
int main(int c,char**v){if(c<5)return 2;const char*mode=v[1];port=atoi(v[2]);const char*path=v[3];gpath=getenv("BULK_GET")?getenv("BULK_GET"):path;ffd=open(v[4],O_RDONLY);struct stat st;fstat(ffd,&st);N=st.st_size;
 if(c>5&&!strcmp(v[5],"send"))usesend=1;
 src=mmap(0,N,PROT_READ,MAP_SHARED|MAP_POPULATE,ffd,0);
 int needdst=strcmp(mode,"put");if(needdst)dst=mmap(0,N,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE,-1,0);
 char h[16384];char*b;int bl;double t0,t1=0;int ok=0;
 if(!strcmp(mode,"put")){int mp=c>6&&!strcmp(v[6],"multipart");const char*pre="--XBOUNDX7Q\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n",*post="\r\n--XBOUNDX7Q--\r\n";
  size_t L=N+(mp?strlen(pre)+strlen(post):0);int s=conn(port);char q[1024];
  snprintf(q,1024,"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",mp?"POST":getenv("BULK_METHOD")?getenv("BULK_METHOD"):"PUT",path,mp?"multipart/form-data; boundary=XBOUNDX7Q":getenv("BULK_METHOD")?"application/offset+octet-stream":"application/octet-stream",L,more());
  t0=now();sendall(s,q,strlen(q));if(mp)sendall(s,pre,strlen(pre));sendbody(s);if(mp)sendall(s,post,strlen(post));
  int code=readhead(s,h,sizeof h,&b,&bl);t1=now();ok=code/100==2;if(!ok)fprintf(stderr,"put status %d: %.300s\n",code,h);}
 else if(!strcmp(mode,"get")){int s=conn(port);char q[512];snprintf(q,512,"GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",path);t0=now();sendall(s,q,strlen(q));int code=readhead(s,h,sizeof h,&b,&bl);if(code!=200){fprintf(stderr,"%.300s\n",h);die("status");}memcpy(dst,b,bl);recvbody(s,bl);t1=t_end;ok=rok;}
 else if(!strcmp(mode,"relay")){if(c>6)slow=atof(v[6]);pthread_t t;pthread_create(&t,0,recvthread,0);usleep(150000);int s=conn(port);char q[512];snprintf(q,512,"PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n%s\r\n",path,N,more());
  t0=now();sendall(s,q,strlen(q));sendbody(s);int code=readhead(s,h,sizeof h,&b,&bl);pthread_join(t,0);t1=t_end;ok=rok&&code/100==2;if(code/100!=2)fprintf(stderr,"relay put status %d\n",code);}
 else if(!strcmp(mode,"tcprelay")){lsock=socket(AF_INET,SOCK_STREAM,0);int one=1;setsockopt(lsock,SOL_SOCKET,SO_REUSEADDR,&one,sizeof one);struct sockaddr_in a={.sin_family=AF_INET,.sin_port=htons(atoi(path))};a.sin_addr.s_addr=htonl(INADDR_LOOPBACK);if(bind(lsock,(void*)&a,sizeof a)||listen(lsock,8))die("listen");
  pthread_t t;pthread_create(&t,0,accthread,0);int s=conn(port);t0=now();sendbody(s);shutdown(s,SHUT_WR);pthread_join(t,0);t1=t_end;ok=rok;}
 else if(!strcmp(mode,"wormhole")){int r=conn(port),s=conn(port);char q[256];char tok[65];for(int i=0;i<64;i++)tok[i]="0123456789abcdef"[(i*7+getpid())&15];tok[64]=0;
  snprintf(q,256,"please relay %s for side aaaaaaaaaaaaaaaa\n",tok);sendall(r,q,strlen(q));snprintf(q,256,"please relay %s for side bbbbbbbbbbbbbbbb\n",tok);sendall(s,q,strlen(q));
  if(recv(r,h,3,MSG_WAITALL)!=3||recv(s,h,3,MSG_WAITALL)!=3||memcmp(h,"ok\n",3))die("wormhole ok");pthread_t t;pthread_create(&t,0,whthread,(void*)(long)r);t0=now();sendbody(s);pthread_join(t,0);t1=t_end;ok=rok;}
 else return 2;
 printf("{\"s\":%.4f,\"bytes\":%zu,\"ok\":%d}\n",t1-t0,N,ok);return !ok;}
