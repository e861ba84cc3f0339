# ruff: noqa
# fmt: off
"""Seeded generator of every input CSV under ./in (numpy default_rng(20240611))."""
import numpy as np, pandas as pd, os
O='./in/'
rng=np.random.default_rng(20240611)
# 1. ESM long: 30 dyads x 2 x 7 days x 6 beeps, random times, missing, 3 PA items
rows=[]
nd,D,B=30,7,6
Phi0=np.array([[.35,.12],[.08,.30]])
for d in range(nd):
    mu=rng.multivariate_normal([60,58],[[120,50],[50,120]])
    Phi=Phi0+rng.normal(0,.06,(2,2))
    sd=np.exp(rng.normal(np.log(9),.25,2))
    Q=np.diag(sd)@np.array([[1,.3],[.3,1]])@np.diag(sd)
    for day in range(D):
        y=np.zeros(2); 
        for b in range(B):
            e=rng.multivariate_normal([0,0],Q)
            y=(e/ .9 if b==0 else Phi@y+e)
            t=day*24*60+ 9*60 + b*130 + rng.integers(0,120)
            for p in range(2):
                miss=rng.random()<.18
                true=mu[p]+y[p]
                items=np.clip(np.round(true+rng.normal(0,6,3)+np.array([0,3,-4])),0,100)
                part=np.clip(np.round(.5*(mu[1-p]+y[1-p])+.3*true+12+rng.normal(0,7)),0,100)
                rows.append([d+1,(d*2+p+1),p,day+1,b+1,t]+([np.nan]*4 if miss else list(items)+[part]))
df=pd.DataFrame(rows,columns=['dyad','person','role','day','beep','minutes','pa1','pa2','pa3','percept'])
df['pa']=df[['pa1','pa2','pa3']].mean(axis=1)
# edge cases: person 3 zero variance; person 5 at floor; person 7 only 1 valid beep
m=df.person==3; df.loc[m&df.pa.notna(),['pa1','pa2','pa3','pa']]=50
m=df.person==5; df.loc[m&df.pa.notna(),['pa1','pa2','pa3','pa']]=0
m=(df.person==7)&df.pa.notna(); idx=df.index[m][1:]; df.loc[idx,['pa1','pa2','pa3','pa','percept']]=np.nan
df.to_csv(O+'esm.csv',index=False)
# complete small 3-way for reliability: 12 persons x 8 times x 4 items
P,T,I=12,8,4
x=(rng.normal(0,1,(P,1,1))+rng.normal(0,.2,(1,T,1))+rng.normal(0,.4,(1,1,I))+rng.normal(0,.7,(P,T,1))+rng.normal(0,.4,(P,1,I))+rng.normal(0,.15,(1,T,I))+rng.normal(0,.8,(P,T,I))+4)
w=pd.DataFrame(x.reshape(P*T,I).round(3),columns=['i1','i2','i3','i4']); w.insert(0,'id',np.repeat(np.arange(1,P+1),T)); w.insert(1,'time',np.tile(np.arange(1,T+1),P)); w.to_csv(O+'rel.csv',index=False)
# 2. APIM cross sectional 120 dyads distinguishable, traits + mediator
n=120
X=rng.multivariate_normal([0,0.2],[[1,.3],[.3,1.2]],n)
M=np.c_[.4*X[:,0]+.2*X[:,1],.35*X[:,1]+.15*X[:,0]]+rng.multivariate_normal([0,0],[[1,.25],[.25,.9]],n)
Y=np.c_[5+.35*X[:,0]+.2*X[:,1]+.3*M[:,0]+.1*M[:,1],4.8+.30*X[:,1]+.18*X[:,0]+.25*M[:,1]+.12*M[:,0]]+rng.multivariate_normal([0,0],[[.9,.35],[.35,1.3]],n)
dw=pd.DataFrame(np.c_[X,M,Y].round(4),columns=['x1','x2','m1','m2','y1','y2']); dw.insert(0,'dyad',np.arange(1,n+1)); dw.to_csv(O+'apim_wide.csv',index=False)
l=[]
for r in dw.itertuples():
    l.append([r.dyad,1,'A',r.x1,r.x2,r.m1,r.m2,r.y1,.5]); l.append([r.dyad,2,'B',r.x2,r.x1,r.m2,r.m1,r.y2,-.5])
pd.DataFrame(l,columns=['dyad','member','role','xa','xp','ma','mp','y','ec']).to_csv(O+'apim_long.csv',index=False)
# 2b dyadic CFA / common fate: 3 items x 2 partners, 250 dyads
n=250
cf=rng.normal(0,1,n); f1=.8*cf+rng.normal(0,.6,n); f2=.75*cf+rng.normal(0,.65,n)
it=[]
for f,ints in ((f1,[3,3.2,2.9]),(f2,[3,3.2,3.3])):
    for k,(lam,u) in enumerate(zip([1,.9,.8],ints)): it.append(u+lam*f)
sh=rng.normal(0,.3,(n,3))
it=np.c_[np.array(it[:3]).T+sh+rng.normal(0,.5,(n,3)),np.array(it[3:]).T+sh+rng.normal(0,.5,(n,3))]
pd.DataFrame(it.round(4),columns=['a1','a2','a3','b1','b2','b3']).to_csv(O+'cfa.csv',index=False)
# 2c growth: 80 dyads x 6 waves
l=[]
for d in range(80):
    u=rng.multivariate_normal([10,9.5,.3,.25],[[2,.9,.1,.05],[.9,2,.05,.1],[.1,.05,.09,.04],[.05,.1,.04,.09]])
    for t in range(6):
        e=rng.multivariate_normal([0,0],[[.8,.25],[.25,.8]])
        for p in range(2): l.append([d+1,p+1,t,round(u[p]+u[2+p]*t+e[p],4)])
pd.DataFrame(l,columns=['dyad','member','time','y']).to_csv(O+'growth.csv',index=False)
# 3. Truth & bias: 60 dyads x 14 days
l=[]
for d in range(60):
    b0,b1,b2=rng.normal(.4,.5),rng.normal(.45,.15),rng.normal(.3,.12)
    for p in range(2):
        mup=rng.normal(5,.8)
        for t in range(14):
            tr=mup+rng.normal(0,.9); own=5+.2*(tr-5)+rng.normal(0,1.0)
            j=tr*0+5+b0+b1*(tr-5)+b2*(own-5)+rng.normal(0,.6)
            l.append([d+1,2*d+p+1,t+1,round(j,3),round(tr,3),round(own,3)])
pd.DataFrame(l,columns=['dyad','person','day','judgment','truth','own']).to_csv(O+'tb.csv',index=False)
# SAM: 40 perceivers x 20 items, one target each (own partner): impression, target self-report(valid), norm mean
l=[]; norm=rng.normal(5,1,20).round(3)
for i in range(40):
    tgt=norm+rng.normal(0,1,20); bd,bn=rng.normal(.4,.15),rng.normal(.8,.2)
    for k in range(20): l.append([i+1,k+1,round(5+bd*(tgt[k]-norm[k])+bn*(norm[k]-norm.mean())+rng.normal(0,.8),3),round(tgt[k],3),norm[k]])
pd.DataFrame(l,columns=['perceiver','item','impression','target','norm']).to_csv(O+'sam.csv',index=False)
# 4. continuous coupled pair, 600 samples @5Hz
n=600; t=np.arange(n)/5
a=np.zeros(n); b=np.zeros(n)
for i in range(2,n):
    a[i]=1.6*a[i-1]-.75*a[i-2]+rng.normal(0,.5)+(.08*b[i-1])
    b[i]=1.55*b[i-1]-.7*b[i-2]+rng.normal(0,.5)+(.15*a[max(i-4,0)])
pd.DataFrame(dict(t=t,a=a.round(5),b=b.round(5))).to_csv(O+'cont.csv',index=False)
# CLO: two coupled damped oscillators, dt=.1, 8 dyads
from scipy.integrate import solve_ivp
l=[]
for d in range(6):
    et0,ze0,ce0,cz0=-(2*np.pi/12)**2*rng.uniform(.9,1.1),-.03,.03,.02
    et1,ze1,ce1,cz1=-(2*np.pi/14)**2*rng.uniform(.9,1.1),-.02,-.02,.03
    f=lambda s,y:[y[1],et0*y[0]+ze0*y[1]+ce0*y[2]+cz0*y[3],y[3],et1*y[2]+ze1*y[3]+ce1*y[0]+cz1*y[1]]
    s=solve_ivp(f,(0,119),[1,0,-.8,.2],t_eval=np.arange(120),rtol=1e-9,atol=1e-10)
    for i in range(120): l.append([d+1,i,s.y[0,i]+rng.normal(0,.03),s.y[2,i]+rng.normal(0,.03),et0,et1])
pd.DataFrame(l,columns=['dyad','t','y0','y1','eta0','eta1']).round(6).to_csv(O+'clo.csv',index=False)
# categorical sequences
K=4; s=[1]
Pm=np.array([[.5,.2,.2,.1],[.1,.6,.2,.1],[.2,.2,.4,.2],[.05,.25,.3,.4]])
for i in range(399): s.append(int(rng.choice(K,p=Pm[s[-1]-1]))+1)
pd.DataFrame(dict(code=s)).to_csv(O+'seq.csv',index=False)
# state space grid
n=200; sx=[3];sy=[3]
for i in range(n-1):
    sx.append(int(np.clip(sx[-1]+rng.choice([-1,0,0,1]),1,5))); sy.append(int(np.clip(sy[-1]+rng.choice([-1,0,0,1])+(1 if sx[-1]>sy[-1] and rng.random()<.3 else 0),1,5)))
on=np.cumsum(rng.exponential(2,n)).round(2)
pd.DataFrame(dict(onset=np.r_[0,on[:-1]],offset=on,x=sx,y=sy)).to_csv(O+'ssg.csv',index=False)
# 5. Gottman-Murray: H,W point graph-ish series
n=150; W=[.5];H=[.3]
I=lambda x,bp,bn:np.where(x>=0,bp*x,bn*x)
for i in range(n-1):
    W.append(.2+.35*W[-1]+float(I(H[-1],.25,.6))+rng.normal(0,1.0)); H.append(.1+.30*H[-1]+float(I(W[-2],.3,.5))+rng.normal(0,1.0))
pd.DataFrame(dict(turn=np.arange(1,n+1),W=W,H=H)).round(5).to_csv(O+'gottman.csv',index=False)
# 6. SCED
A=np.array([20,20,26,25,22,23,24,21]);B_=np.array([28,25,24,27,30,30,29,31,32,30,33,31])
pd.DataFrame(dict(phase=['A']*8+['B']*12,t=np.arange(1,21),y=np.r_[A,B_])).to_csv(O+'sced.csv',index=False)
l=[]
for c in range(6):
    st=[8,10,12,14,16,18][c]; e=0; base=rng.normal(50,5); eff=rng.normal(8,2)
    for t in range(1,31):
        e=.3*e+rng.normal(0,3); l.append([c+1,t,'A' if t<=st else 'B',round(base+.1*t+(eff+.2*(t-st-1) if t>st else 0)+e,3)])
pd.DataFrame(l,columns=['case','t','phase','y']).to_csv(O+'mbd.csv',index=False)
# 7. two-way multilevel VAR panel: 60 dyads x 50, complete, for Nickell checks / mlVAR / DSEM
l=[]
for d in range(100):
    mu=rng.multivariate_normal([5,5],[[.8,.3],[.3,.8]]); Phi=np.array([[.35,.1],[.15,.3]])+rng.normal(0,.08,(2,2))
    sd=np.exp(rng.normal(0,.2,2)*.5); y=np.zeros(2)
    for t in range(-30,70):
        y=Phi@y+sd*rng.multivariate_normal([0,0],[[1,.3],[.3,1]])
        if t>=0: l.append([d+1,t+1,*(mu+y).round(4)])
pd.DataFrame(l,columns=['dyad','t','y1','y2']).to_csv(O+'var.csv',index=False)
print(os.listdir(O))
